import Bytes
import HTTP

/// Where Redis is and how to be let in.
package struct RedisConfiguration: Sendable {
    /// A name or numeric address, without brackets.
    package var host: String
    package var port: Int
    /// `rediss`: TLS, with the server's certificate checked against its name.
    package var usesTLS: Bool
    /// Of an access control list (Redis 6 and later); nil means `default`.
    package var username: String?
    /// A secret.
    package var password: String?
    package var database: Int
    package var timing = Timing()

    /// How long things may take.
    package struct Timing: Sendable {
        /// Name look-up and connection.
        package var connect: Duration = .seconds(2)
        /// The first replies on a new connection.
        package var greeting: Duration = .seconds(2)
        /// One reply; its caller goes on without it then.
        package var reply: Duration = .milliseconds(100)
        /// A connection with late replies is given up after that long.
        package var silence: Duration = .seconds(3)
        /// Idle connections are tried that often.
        package var heartbeat: Duration = .seconds(5)
        /// Pause before another attempt to connect: the first, doubled each time up to the second, with jitter.
        package var backOff: ClosedRange<Duration> = .milliseconds(100) ... .seconds(5)
        /// Pause before a connection that was slow is used again: the first, doubled each time up to the second.
        package var rest: ClosedRange<Duration> = .seconds(1) ... .seconds(30)

        package init() {}
    }

    /// The fault of a URL. Never repeats it: it may hold a password.
    package struct InvalidURL: Error, Sendable, CustomStringConvertible {
        package let description: String
    }

    package init(
        host: String, port: Int = 6379, usesTLS: Bool = false, username: String? = nil, password: String? = nil,
        database: Int = 0
    ) {
        self.host = host
        self.port = port
        self.usesTLS = usesTLS
        self.username = username
        self.password = password
        self.database = database
    }

    /// `redis[s]://[[user]:password@]host[:port][/database]`; user and password may be percent-encoded. They end at the last `@`:
    /// people write passwords as they are, and readers of RFC 3986 take a part of one for the host, which would stand in logs.
    package init(url: String) throws(InvalidURL) {
        let scheme: String
        if url.hasPrefix("redis://") {
            scheme = "redis://"
        } else if url.hasPrefix("rediss://") {
            scheme = "rediss://"
        } else {
            throw InvalidURL(
                description: "expected redis://… or rediss://…, for example redis://redis.example.com:6379/0")
        }
        var rest = url.dropFirst(scheme.count)
        guard !rest.contains(where: { $0 == "?" || $0 == "#" }) else {
            throw InvalidURL(description: "must not hold a query or fragment; percent-encode ? and # in a password")
        }
        var credentials: Substring?
        if let at = rest.lastIndex(of: "@") {
            credentials = rest[..<at]
            rest = rest[rest.index(after: at)...]
        }
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        (host, port) = try Self.authority(rest[..<slash])
        let path = rest[slash...].dropFirst()
        guard path.isEmpty || (path.allSatisfy(\.isWholeNumber) && path.utf8.count <= 4),
            let number = ForeignNumber(path.isEmpty ? "0" : path)?.within(0...9_999)
        else { throw InvalidURL(description: "the path must be a database number, for example /0") }
        database = number
        usesTLS = scheme == "rediss://"
        (username, password) = try Self.credentials(credentials)
    }

    /// A peer's words, fit for a log: cut short, and without the password should the peer have repeated it.
    func quote(_ words: String) -> String {
        let harmless = password.map(words.redacting) ?? words
        return String(harmless.prefix(200))
    }

    private static func authority(_ text: Substring) throws(InvalidURL) -> (String, Int) {
        var host = text
        var port: Substring = "6379"
        if text.first == "[" {
            guard let end = text.firstIndex(of: "]") else {
                throw InvalidURL(description: "'[' without ']' in the host")
            }
            host = text[text.index(after: text.startIndex)..<end]
            let after = text[text.index(after: end)...]
            guard after.isEmpty || after.first == ":" else { throw InvalidURL(description: "expected ':' after ']'") }
            if !after.isEmpty { port = after.dropFirst() }
        } else if let colon = text.firstIndex(of: ":") {
            host = text[..<colon]
            port = text[text.index(after: colon)...]
        }
        guard !host.isEmpty, host.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw InvalidURL(description: "expected a host name, for example redis://redis.example.com:6379/0")
        }
        guard let number = ForeignNumber(port)?.within(1...65_535) else {
            throw InvalidURL(description: "the port must be a number from 1 to 65535")
        }
        return (String(host), number)
    }

    private static func credentials(_ text: Substring?) throws(InvalidURL) -> (username: String?, password: String?) {
        guard let text else { return (nil, nil) }
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let username = PercentEncoding.decode(parts[0].utf8),
            let password = PercentEncoding.decode(parts[1].utf8), !password.isEmpty
        else {
            throw InvalidURL(description: "expected user:password@ or :password@ before the host, percent-encoded")
        }
        return (username.isEmpty ? nil : username, password)
    }
}
