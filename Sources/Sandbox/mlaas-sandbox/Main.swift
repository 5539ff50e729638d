import EventLoop
import Sandbox

@main
struct Main {
    static func main() async {
        exitProcess(await SandboxMain.run(Array(CommandLine.arguments.dropFirst())))
    }
}
