/// The headers that OpenAI's clients add to their requests, as the variable `OPENAI_CUSTOM_HEADERS` holds them.
package enum OpenAIHeaders {
    /// Returns the headers, one on each line, without `Authorization`, which the clients send by themselves; nil where none is left,
    /// and where a name or a value would be taken for something else.
    package static func text(_ headers: [(name: String, value: String)]) -> String? {
        let added = headers.filter { $0.name.lowercased() != "authorization" }
        let isReadable = added.allSatisfy { name, value in
            !name.utf8.contains(UInt8(ascii: ":")) && (name + value).utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
        }
        return isReadable && !added.isEmpty ? added.map { "\($0.name): \($0.value)" }.joined(separator: "\n") : nil
    }
}
