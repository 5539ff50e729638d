import Crypto
import Synchronization
import Telemetry

/// The certificate that the server shows, and what its files held when it was made.
final class ServedCertificate: Sendable {
    enum Change: Sendable, Equatable {
        case none
        case replaced(subject: String)
        /// The one before stays.
        case refused(String)
    }

    let contexts: TLSContextHolder
    /// What was tried last, be it good or not, nil when it could not be read: a fault is logged once, not at each
    /// look.
    private let tried: Mutex<TLSFiles.Contents?>

    /// Blocks while it reads.
    init(_ files: TLSFiles) throws(CryptoError) {
        let contents = try files.contents()
        contexts = TLSContextHolder(
            try .server(certificateChain: contents.certificate, privateKey: contents.key))
        tried = Mutex(contents)
    }

    /// Seconds since 1970 after which it is no longer valid.
    var notAfter: Int { contexts.current.certificateNotAfter ?? 0 }

    /// Looks at the files and takes what they hold if it is new and good. Blocks while it reads.
    ///
    /// Certificate and key are two files, so one may be new and the other old for a moment: the pair is refused then and
    /// taken at a later look.
    func refresh(from files: TLSFiles) -> Change {
        let contents: TLSFiles.Contents
        do throws(CryptoError) {
            contents = try files.contents()
        } catch {
            return note(nil) ? .refused(error.description) : .none
        }
        guard note(contents) else { return .none }
        do throws(CryptoError) {
            let context = try TLSContext.server(certificateChain: contents.certificate, privateKey: contents.key)
            contexts.replace(with: context)
            return .replaced(subject: context.certificateSubject ?? "")
        } catch {
            return .refused(error.description)
        }
    }

    /// - Returns: whether it is something new.
    private func note(_ contents: TLSFiles.Contents?) -> Bool {
        tried.withLock { tried in
            defer { tried = contents }
            return tried != contents
        }
    }
}
