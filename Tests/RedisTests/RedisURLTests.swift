import Redis
import Testing

@Suite("The URL of Redis")
struct RedisURLTests {
    @Test("names host, port, user, password, database and TLS")
    func good() throws {
        let plain = try RedisConfiguration(url: "redis://redis.example.com")
        #expect(plain.host == "redis.example.com" && plain.port == 6379 && plain.database == 0 && !plain.usesTLS)
        #expect(plain.username == nil && plain.password == nil)
        let full = try RedisConfiguration(url: "rediss://app:p%40ss%2F%3A@[2001:db8::1]:6380/12")
        #expect(full.host == "2001:db8::1" && full.port == 6380 && full.database == 12 && full.usesTLS)
        #expect(full.username == "app" && full.password == "p@ss/:")
        #expect(try RedisConfiguration(url: "redis://:secret@h/").username == nil)
        #expect(try RedisConfiguration(url: "redis://:a:b@h").password == "a:b")
    }

    @Test(
        "is refused without being repeated",
        arguments: [
            "", "http://h", "redis:/h", "redis://", "redis://:6379", "redis://h:0", "redis://h:65536", "redis://h:x",
            "redis://h/one", "redis://h/99999", "redis://hunter2@h", "redis://:@h", "redis://:%zz@h", "redis://[::1",
            "redis://[::1]6379", "redis://h?db=1", "redis://h o", "redis://:hunter2@h/x", "redis://h:1:2",
        ])
    func bad(_ url: String) {
        do throws(RedisConfiguration.InvalidURL) {
            _ = try RedisConfiguration(url: url)
            Issue.record("accepted: \(url)")
        } catch {
            #expect(!error.description.contains("hunter2") && error.description.count > 10)
        }
    }
}
