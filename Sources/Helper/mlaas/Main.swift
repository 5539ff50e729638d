import EventLoop
import HelperCLI

@main
struct Main {
    static func main() async {
        StandardStreams.reserveClosed()
        exitProcess(await CLIMain.run(Array(CommandLine.arguments.dropFirst())))
    }
}
