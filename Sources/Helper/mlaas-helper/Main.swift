import EventLoop
import HelperServer

@main
struct Main {
    static func main() async {
        exitProcess(await HelperMain.run(Array(CommandLine.arguments.dropFirst())))
    }
}
