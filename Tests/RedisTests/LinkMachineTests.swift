import Redis
import Testing

@Suite("The life of a connection to Redis")
struct LinkMachineTests {
    private static let second: UInt64 = 1_000_000_000

    private func ready(at now: UInt64 = 0) -> LinkMachine {
        var machine = LinkMachine(timing: .init())
        let wanted = machine.connect()
        machine.connected()
        let early = machine.takesCommands
        machine.greeted(at: now)
        #expect(wanted && !early && machine.takesCommands)
        return machine
    }

    @Test("pauses between attempts double up to a bound, with jitter, and start anew after a good connection")
    func backOff() {
        var machine = LinkMachine(timing: .init())
        var pauses: [Duration?] = []
        for _ in 0..<9 {
            let (first, again) = (machine.connect(), machine.connect())
            #expect(first && !again)
            pauses.append(machine.lost(at: 0, jitter: 1))
            let twice = machine.lost(at: 0, jitter: 1)
            #expect(twice == nil)
        }
        #expect(pauses.prefix(3) == [.milliseconds(100), .milliseconds(200), .milliseconds(400)])
        #expect(pauses.last == .seconds(5))
        for (goodFor, pause) in [(4, Duration.seconds(5)), (6, .milliseconds(100))] {
            _ = machine.connect()
            machine.connected()
            machine.greeted(at: 0)
            let next = machine.lost(at: UInt64(goodFor) * Self.second, jitter: 1)
            #expect(next == pause)
        }
        _ = machine.connect()
        let least = machine.lost(at: 0, jitter: 0)
        #expect(least == .milliseconds(100))
    }

    @Test("a late reply stops commands until all replies came, a rest has passed and a probe was answered")
    func stall() {
        var machine = ready()
        var rests: [Duration?] = [machine.drained()]
        for now in [1 as UInt64, 4, 70 * Self.second] {
            let (news, again) = (machine.replyIsLate(at: now), machine.replyIsLate(at: now))
            #expect(news && !again && !machine.takesCommands)
            rests.append(machine.drained())
            let (probe, probeAgain) = (machine.rested(), machine.rested())
            #expect(probe && !probeAgain && !machine.takesCommands)
            machine.probed(at: now + 1)
            #expect(machine.takesCommands)
        }
        #expect(rests == [nil, .seconds(1), .seconds(2), .seconds(1)])
    }

    @Test("a probe that is late too lengthens the rest")
    func lateProbe() {
        var machine = ready()
        var rests: [Duration?] = []
        for now in 1...7 as ClosedRange<UInt64> {
            let late = machine.replyIsLate(at: now)
            #expect(late)
            rests.append(machine.drained())
            _ = machine.rested()
        }
        #expect(rests.first == .seconds(1) && rests.last == .seconds(30))
    }

    @Test("what comes out of turn changes nothing, and after the end nothing happens")
    func outOfTurn() {
        var machine = ready()
        machine.probed(at: 1)
        machine.connected()
        let (rested, wanted) = (machine.rested(), machine.connect())
        #expect(!rested && !wanted && machine.takesCommands)
        machine.shutDown()
        let (pause, again) = (machine.lost(at: 1, jitter: 0), machine.connect())
        #expect(pause == nil && !again && !machine.takesCommands)
    }
}
