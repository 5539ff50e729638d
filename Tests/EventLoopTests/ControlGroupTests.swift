import Testing

@testable import EventLoop

@Suite("The memory that control groups allow")
struct ControlGroupTests {
    private static let root = "/sys/fs/cgroup"

    @Test(
        "is the least of a group's and of those above it",
        arguments: [
            ([:], nil),
            (["/proc/self/cgroup": "0::/\n", "\(root)/memory.max": "268435456\n"], 268_435_456),
            (["/proc/self/cgroup": "0::/\n", "\(root)/memory.max": "max\n"], nil),
            (["/proc/self/cgroup": "0::/a/b\n", "\(root)/a/b/memory.max": "67108864\n"], 67_108_864),
            (
                [
                    "/proc/self/cgroup": "0::/a/b\n", "\(root)/a/b/memory.max": "max\n",
                    "\(root)/a/memory.max": "1048576\n", "\(root)/memory.max": "2097152\n",
                ], 1_048_576
            ),
            // A container sees its own group as the root, whatever the path says.
            (["/proc/self/cgroup": "0::/../../pod\n", "\(root)/memory.max": "4096\n"], 4_096),
            (
                [
                    "/proc/self/cgroup": "5:cpu,cpuacct:/x\n4:memory:/docker/abc\n",
                    "\(root)/memory/docker/abc/memory.limit_in_bytes": "33554432\n",
                ], 33_554_432
            ),
            (
                [
                    "/proc/self/cgroup": "4:memory:/docker/abc\n",
                    "\(root)/memory/memory.limit_in_bytes": "9223372036854771712\n",
                ], nil
            ),
            (["/proc/self/cgroup": "nonsense\n::\n", "\(root)/memory.max": "99999999999999999999\n"], nil),
        ] as [([String: String], Int?)])
    func limit(_ files: [String: String], _ limit: Int?) { #expect(memoryLimit { files[$0] } == limit) }
}
