import EventLoop
import HelperCLI

@main
struct Main {
    static func main() async {
        Programs.quitQuietly()
        StandardStreams.reserveClosed()
        exitProcess(await CLIMain.run(Array(CommandLine.arguments.dropFirst())))
    }
}
