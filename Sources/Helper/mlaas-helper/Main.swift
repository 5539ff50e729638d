import EventLoop
import HelperServer

@main
struct Main {
    static func main() async {
        StandardStreams.reserveClosed()
        exitProcess(await HelperMain.run(Array(CommandLine.arguments.dropFirst())))
    }
}
