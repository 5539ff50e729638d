import EventLoop
import Testing

@Suite("Memory of the start")
struct SystemTests {
    @Test("released memory is there again when it is needed")
    func release() async {
        for _ in 0..<20 {
            let group = EventLoopGroup(count: 1)
            let sums = group.loops.map { loop in
                loop.spawn {
                    releaseStartMemory()
                    #expect((0..<1_000).map { "\($0)" }.sorted().count == 1_000)
                }
            }
            releaseStartMemory()
            for sum in sums { await sum.value }
            group.shutdown()
        }
    }
}
