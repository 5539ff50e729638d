import COpenSSL

/// Why OpenSSL would not do something, in its own words. Never holds key material.
package struct CryptoError: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String

    package init(_ what: String) { description = what }

    /// The newest entry of this thread's error queue, which is then emptied: what is left in it would be taken for the
    /// reason of the next failure.
    static func last(_ what: String) -> CryptoError {
        let code = ERR_peek_last_error()
        ERR_clear_error()
        guard code != 0 else { return CryptoError(what) }
        var text = [CChar](repeating: 0, count: 256)
        unsafe ERR_error_string_n(code, &text, text.count)
        let words = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return CryptoError("\(what): \(String(decoding: words, as: UTF8.self))")
    }
}
