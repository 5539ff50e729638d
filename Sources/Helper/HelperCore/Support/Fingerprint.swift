import Bytes
import Crypto

/// The first 8 hexadecimal digits of SHA-256: tells keys apart in a log without telling the key.
func fingerprint(_ key: String) -> String { Hex.encode(SHA256.hash(Array(key.utf8)).prefix(4)) }
