import Bytes
import CHiredis
import EventLoop

/// Turns bytes into replies by hiredis' reader. Used on one thread at a time.
///
/// What a peer can make it do is bounded: unfinished replies by `unreadBytesMax`, arrays by 1,024 elements, nesting by
/// hiredis' seven levels. An error is final.
@safe package final class RESPReader {
    /// Bytes of one unfinished reply. Ours are short: the longest is a status or an announcement of a user's name.
    package static let unreadBytesMax = 64 * 1024

    private let raw: UnsafeMutablePointer<redisReader>
    private var failure: RedisError?

    package init() {
        guard let raw = unsafe chiredis_reader_create() else {
            preconditionFailure("chiredis_reader_create: out of memory")
        }
        unsafe self.raw = raw
    }

    deinit { unsafe chiredis_reader_free(raw) }

    /// Takes bytes in, and hands out each reply they finish.
    /// - Throws: `RedisError.malformed`, after the replies before the bad byte.
    package func read(_ bytes: Span<UInt8>, _ handle: (RESPValue) -> Void) throws(RedisError) {
        if let failure { throw failure }
        guard bytes.count > 0 else { return }
        let status = unsafe bytes.withUnsafeBufferPointer { buffer in
            unsafe redisReaderFeed(
                raw, UnsafeRawPointer(buffer.baseAddress!).assumingMemoryBound(to: CChar.self), buffer.count)
        }
        guard status == REDIS_OK else { throw fail() }
        while let value = try next() { handle(value) }
        guard unsafe chiredis_reader_unread(raw) <= Self.unreadBytesMax else {
            failure = .malformed("a reply of more than \(Self.unreadBytesMax) bytes")
            throw failure ?? .malformed("")
        }
    }

    private func next() throws(RedisError) -> RESPValue? {
        var reply: UnsafeMutableRawPointer?
        guard unsafe redisReaderGetReply(raw, &reply) == REDIS_OK else { throw fail() }
        guard let found = unsafe reply else { return nil }
        defer { unsafe freeReplyObject(found) }
        return unsafe RESPValue(found.assumingMemoryBound(to: redisReply.self).pointee)
    }

    private func fail() -> RedisError {
        let error = unsafe RedisError.malformed(String(cString: chiredis_reader_error(raw)))
        failure = error
        return error
    }
}

extension RESPValue {
    /// A copy of what hiredis has made.
    fileprivate init(_ reply: redisReply) {
        switch unsafe reply.type {
        case REDIS_REPLY_STRING: self = unsafe .bulk(Self.bytes(reply))
        case REDIS_REPLY_STATUS: self = unsafe .status(String(decoding: Self.bytes(reply), as: UTF8.self))
        case REDIS_REPLY_ERROR: self = unsafe .error(String(decoding: Self.bytes(reply), as: UTF8.self))
        case REDIS_REPLY_INTEGER: self = unsafe .integer(ForeignNumber(reply.integer))
        case REDIS_REPLY_ARRAY:
            var elements: [RESPValue] = []
            for index in 0..<(unsafe reply.elements) {
                if let element = unsafe reply.element[index] { elements.append(unsafe RESPValue(element.pointee)) }
            }
            self = .array(elements)
        default: self = .null
        }
    }

    private static func bytes(_ reply: redisReply) -> [UInt8] {
        unsafe Array(UnsafeRawBufferPointer(start: reply.str, count: reply.len))
    }
}
