import EventLoop
import Sandbox

@main
struct Main {
    static func main() async {
        StandardStreams.reserveClosed()
        exitProcess(await SandboxMain.run(Array(CommandLine.arguments.dropFirst())))
    }
}
