import CFuzzer
import Glibc

// Usage: Fuzz TARGET [libFuzzer's options and folders]. Without a target it lists them.

/// One run at a time, on one thread; libFuzzer calls a C function, which can capture nothing.
nonisolated enum Running {
    nonisolated(unsafe) static var target: (any FuzzTarget.Type)?
    nonisolated(unsafe) static let memory = GuardedInput(capacity: 1 << 20)
}

guard CommandLine.arguments.count > 1, let chosen = allTargets.first(where: { $0.name == CommandLine.arguments[1] })
else {
    for target in allTargets { print(target.name) }
    exit(CommandLine.arguments.count > 1 ? 64 : 0)
}

Running.target = chosen
var count = CommandLine.argc - 1
// libFuzzer takes the target's name for the program's: the argument before its options.
var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv + 1
exit(
    LLVMFuzzerRunDriver(&count, &arguments) { data, size in
        Running.target?.run(Running.memory.place(UnsafeBufferPointer(start: data, count: size)))
        return 0
    })
