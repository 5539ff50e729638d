import HTTP
import HelperCore
import JSON

/// API keys as the API writes them, without their secrets. Ids are strings, times RFC 3339 in UTC; what has no value is left out.
enum KeyEncoding {
    static func write(_ item: FindKeys.Item, to writer: inout JSONWriter) {
        let key = item.key
        writer.beginObject()
        writer.name("id")
        writer.string(String(key.application.id))
        writer.name("name")
        writer.string(key.name.description)
        if let note = note(of: key.application) {
            writer.name("note")
            writer.string(note)
        }
        writer.name("service")
        writer.beginObject()
        ServiceEncoding.writeIdentity(item.service, isDescribed: false, to: &writer)
        writer.endObject()
        writer.name("state")
        writer.string(key.state.rawValue)
        ServiceEncoding.writePlan(key.application.plan, to: &writer)
        write("created_at", key.application.createdAt, to: &writer)
        write("expires_at", key.expiresAt, to: &writer)
        if let time = key.application.lastUsedAt, ApplicationMark.times.contains(time) {
            writer.name("last_used_on")
            writer.string(String(HTTPDate.timestamp(time).prefix(10)))
        }
        writer.name("generation")
        writer.int(key.generation)
        if let replaces = key.replaces {
            writer.name("replaces")
            writer.string(String(replaces))
        }
        write("retires_at", key.retiresAt, to: &writer)
        if let facts = item.facts {
            writer.name("fingerprint")
            writer.string(facts.fingerprint)
            if let hint = facts.hint {
                writer.name("hint")
                writer.string(hint)
            }
        }
        writer.endObject()
    }

    private static func write(_ name: String, _ time: Int?, to writer: inout JSONWriter) {
        guard let time, ApplicationMark.times.contains(time) else { return }
        writer.name(name)
        writer.string(HTTPDate.timestamp(time))
    }

    /// What the owner wrote, or the portal's description of an application without a mark.
    static func note(of application: Application) -> String? {
        guard let mark = application.mark else { return application.description.flatMap { $0.isEmpty ? nil : $0 } }
        return mark.note
    }
}
