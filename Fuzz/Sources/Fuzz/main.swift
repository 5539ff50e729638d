import CFuzzer
import Glibc

// Usage: Fuzz TARGET [libFuzzer's options and folders]. Without a target it lists them.

/// One run at a time, on one thread; libFuzzer calls a C function, which can capture nothing.
nonisolated enum Running {
    nonisolated(unsafe) static var target: (any FuzzTarget.Type)?
    nonisolated(unsafe) static let memory = GuardedInput(capacity: 1 << 20)
}

/// libFuzzer starts this program again, with its own options alone, to merge and to minimise; the target's name then comes
/// by this variable.
let variable = "FUZZ_TARGET"
let inherited = getenv(variable).map { String(cString: $0) }
let name = inherited ?? CommandLine.arguments.dropFirst().first

guard let chosen = allTargets.first(where: { $0.name == name }) else {
    for target in allTargets { print(target.name) }
    exit(name == nil ? 0 : 64)
}

Running.target = chosen
setenv(variable, chosen.name, 1)
var arguments = Array(UnsafeBufferPointer(start: CommandLine.unsafeArgv, count: Int(CommandLine.argc)))
if inherited == nil { arguments.remove(at: 1) }
var count = Int32(arguments.count)
arguments.append(nil)
let status = arguments.withUnsafeMutableBufferPointer { buffer in
    var first = buffer.baseAddress
    return LLVMFuzzerRunDriver(&count, &first) { data, size in
        Running.target?.run(Running.memory.place(UnsafeBufferPointer(start: data, count: size)))
        return 0
    }
}
exit(status)
