import HelperCore
import JSON
import Synchronization

/// The services of one catalogue as the list shows them to a caller who has no key, put into bytes once, since all
/// callers see the same but for their few keys.
final class EncodedCatalog: Sendable {
    /// Of the catalogue.
    let version: UInt64
    /// All objects, with commas between them.
    private let bytes: [UInt8]
    /// Where the object of each service stands, in the catalogue's order.
    private let objects: [Range<Int>]

    init(_ catalog: Catalog) {
        var bytes: [UInt8] = []
        version = catalog.version
        objects = catalog.services.map { service in
            if !bytes.isEmpty { bytes.append(UInt8(ascii: ",")) }
            let start = bytes.count
            bytes += Self.encode(ListServices.Item(service: service, key: nil))
            return start..<bytes.count
        }
        self.bytes = bytes
    }

    /// Bytes that the services of an answer take, about.
    func estimate(keys: Int) -> Int { bytes.count + keys * 512 }

    /// Appends the elements of the list for one caller.
    func append(_ result: ListServices.Result, to out: inout [UInt8]) {
        if let shown = result.shown {
            append(result, shown, to: &out)
            return
        }
        // Between the caller's keys everything is copied as it is, commas included.
        var start = 0
        for index in result.keys.keys.compactMap(result.catalog.position(of:)).sorted() {
            let service = result.catalog.services[index]
            guard let key = result.keys[service.id] else { continue }
            out.append(contentsOf: bytes[start..<objects[index].lowerBound])
            append(service, objects[index], key, to: &out)
            start = objects[index].upperBound
        }
        out.append(contentsOf: bytes[start...])
    }

    /// For a caller from whom some services are hidden.
    private func append(_ result: ListServices.Result, _ shown: [Bool], to out: inout [UInt8]) {
        var isFirst = true
        for (index, service) in result.catalog.services.enumerated() where shown[index] {
            if !isFirst { out.append(UInt8(ascii: ",")) }
            isFirst = false
            if let key = result.keys[service.id] {
                append(service, objects[index], key, to: &out)
            } else {
                out.append(contentsOf: bytes[objects[index]])
            }
        }
    }

    /// A service for which the caller has a key: both halves of the credentials stand at their end, where the method has two,
    /// and what else there is to say of the key at the end of all.
    /// - Parameter object: where the service stands without one.
    private func append(_ service: Service, _ object: Range<Int>, _ key: IssuedKey, to out: inout [UInt8]) {
        out.append(contentsOf: bytes[object.lowerBound..<(object.upperBound - Self.withoutKey.count)])
        let halves = Self.members { ServiceEncoding.writeHalves(service, key, to: &$0) }
        if !halves.isEmpty {
            out.append(UInt8(ascii: ","))
            out.append(contentsOf: halves)
        }
        out.append(contentsOf: Self.credentialsEnd)
        out.append(contentsOf: Self.members { ServiceEncoding.writeKeyState(key, to: &$0) })
        out.append(UInt8(ascii: "}"))
    }

    private static let credentialsEnd = Array("},".utf8)

    /// What every service without a key ends in, from the end of its credentials on.
    private static let withoutKey =
        credentialsEnd + members { ServiceEncoding.writeKeyState(nil, to: &$0) } + [UInt8(ascii: "}")]

    /// Members with commas between them and nothing around.
    private static func members(_ write: (inout JSONWriter) -> Void) -> ArraySlice<UInt8> {
        var writer = JSONWriter(capacity: 224)
        writer.beginObject()
        write(&writer)
        writer.endObject()
        return writer.bytes.dropFirst().dropLast()
    }

    private static func encode(_ item: ListServices.Item) -> [UInt8] {
        var writer = JSONWriter()
        ServiceEncoding.write(item, to: &writer)
        return writer.bytes
    }
}

/// The encoding of the catalogue in force, made when a newer one is first asked for.
final class CatalogEncoder: Sendable {
    private let current = Mutex<EncodedCatalog?>(nil)

    func encoding(of catalog: Catalog) -> EncodedCatalog {
        if let known = current.withLock({ $0 }), known.version == catalog.version { return known }
        // Two loops may both make it; the newer catalogue's stays.
        let made = EncodedCatalog(catalog)
        current.withLock { current in
            if current.map({ $0.version < made.version }) ?? true { current = made }
        }
        return made
    }
}
