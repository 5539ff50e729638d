package import Crypto
package import EventLoop

/// A client of Redis or Valkey: one connection on each loop of a group, and one more for a subscription. Connections are
/// made, and made anew, in the background; a command never waits for one.
///
/// Clusters are not supported: the address must be that of a primary, whatever makes it so.
package final class RedisClient: Sendable {
    /// The channel to listen to.
    package struct Subscription: Sendable {
        package let channel: String
        package let subscriber: @Sendable (Push) -> Void

        package init(channel: String, _ subscriber: @escaping @Sendable (Push) -> Void) {
            self.channel = channel
            self.subscriber = subscriber
        }
    }

    package enum Push: Sendable, Equatable {
        /// Messages count from here; earlier ones may have been missed.
        case subscribed
        case message([UInt8])
    }

    private let links: [LoopBound<RedisLink>]
    private let subscription: LoopBound<RedisLink>?

    private init(_ links: [LoopBound<RedisLink>], _ subscription: LoopBound<RedisLink>?) {
        self.links = links
        self.subscription = subscription
    }

    /// Makes a client and begins to connect; does not wait for the outcome.
    /// - Parameters:
    ///   - preparing: sent on each new connection for commands; failures do not matter.
    ///   - tls: whom to trust; needed when the configuration asks for TLS.
    ///   - events: told what happens to connections.
    package static func start(
        _ configuration: RedisConfiguration, group: EventLoopGroup, preparing: [RESPCommand] = [],
        subscription: Subscription? = nil, tls: TLSContext? = nil,
        events: @escaping @Sendable (RedisEvent) -> Void
    ) async -> RedisClient {
        precondition(!configuration.usesTLS || tls != nil, "Invalid state: no roots for rediss://")
        let tls = configuration.usesTLS ? tls : nil
        var links: [LoopBound<RedisLink>] = []
        let greeting = Greeting(configuration, preparing: preparing)
        for (index, loop) in group.loops.enumerated() {
            links.append(
                await start(loop) {
                    RedisLink(
                        loop: loop, name: "commands-\(index)", configuration: configuration, greeting: greeting,
                        tls: tls, events: events)
                })
        }
        var listening: LoopBound<RedisLink>?
        if let subscription {
            let greeting = Greeting(configuration, channel: subscription.channel)
            let subscriber = RedisLink.Subscriber(
                subscribed: { subscription.subscriber(.subscribed) },
                message: { subscription.subscriber(.message($0)) })
            let loop = group.loops[0]
            listening = await start(loop) {
                RedisLink(
                    loop: loop, name: "subscription", configuration: configuration, greeting: greeting,
                    subscriber: subscriber, tls: tls, events: events)
            }
        }
        return RedisClient(links, listening)
    }

    private static func start(
        _ loop: EventLoop, _ make: @escaping @Sendable () -> RedisLink
    ) async -> LoopBound<RedisLink> {
        await withCheckedContinuation { continuation in
            loop.execute {
                let link = make()
                link.start()
                continuation.resume(returning: LoopBound(link, to: loop))
            }
        }
    }

    /// Whether a command sent now from this thread would leave: costs no waiting. From any thread; off the loops it says
    /// false.
    package var isReadyHere: Bool { here?.value.isReady ?? false }

    private var here: LoopBound<RedisLink>? { links.first { $0.loop.inLoop } }

    /// Sends a command on the caller's loop, or on the first one from elsewhere, and waits for the reply, for
    /// `Timing.reply` at most.
    /// - Throws: at once when there is no connection. After `timeout` or `disconnected` the command may have been carried
    ///   out.
    package func send(_ command: RESPCommand) async throws(RedisError) -> RESPValue {
        let link = here ?? links[0]
        let result = await withCheckedContinuation { (waiter: PendingReplies.Waiter) in
            link.loop.execute { link.value.send(command, waiter) }
        }
        return try result.get()
    }

    /// Closes every connection; waiting calls fail.
    package func shutdown() async {
        for link in links + (subscription.map { [$0] } ?? []) {
            await withCheckedContinuation { continuation in
                link.loop.execute {
                    link.value.shutDown()
                    continuation.resume()
                }
            }
        }
    }
}
