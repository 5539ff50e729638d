import FoundationEssentials
import HelperHTTP
import Telemetry

extension HelperServer {
    /// More than any file of Swagger UI.
    private static let documentationFileBytesMax = 8 * 1024 * 1024

    /// The documentation, with Swagger UI where its files are there. Not having them is no reason not to serve the API.
    func documentation() -> Documentation {
        guard let directory = settings.docsDirectory else { return Documentation() }
        var files: [String: [UInt8]] = [:]
        for name in Documentation.assetNames {
            let path = directory + "/" + name
            guard let content = FileManager.default.contents(atPath: path),
                content.count <= Self.documentationFileBytesMax
            else {
                logger.warning(
                    "/docs is a plain list: a file of Swagger UI cannot be read",
                    metadata: [LogKey.error: .string("MLAAS_DOCS_DIR: \(path)")])
                continue
            }
            files[name] = Array(content)
        }
        return Documentation(files: files)
    }
}
