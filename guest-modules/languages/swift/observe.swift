// Reports its arguments, its environment and stdin as one JSON object; ../../README.md has the form.
// The arguments exit, stderr, large and non-ascii are switches; ../README.md says what they do.
import Foundation

func quoted<Bytes: Sequence>(_ bytes: Bytes) -> String where Bytes.Element == UInt8 {
    var json = "\""
    for byte in bytes {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), 0..<0x20, 0x7f...0xff:
            json += "\\u00" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
        default:
            json.unicodeScalars.append(Unicode.Scalar(byte))
        }
    }
    return json + "\""
}

func fnv1a64(_ bytes: Data) -> String {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}

func report(_ body: Data) -> String {
    let arguments = CommandLine.arguments.map { quoted($0.utf8) }
    // A dictionary: the order is not that of the server.
    let variables = ProcessInfo.processInfo.environment.map { "[\(quoted($0.utf8)),\(quoted($1.utf8))]" }
    return "{\"args\":[\(arguments.joined(separator: ","))],\"env\":[\(variables.joined(separator: ","))],"
        + "\"stdin\":{\"length\":\(body.count),\"text\":\(quoted(body.prefix(65536))),"
        + "\"fnv1a64\":\"\(fnv1a64(body))\",\"eof\":true}}"
}

let switches = CommandLine.arguments.dropFirst()
let body = FileHandle.standardInput.readDataToEndOfFile()
if switches.contains("stderr") {
    FileHandle.standardError.write(Data("stderr-marker\n".utf8))
}
if switches.contains("large") {
    print("Content-Type: text/plain\n")
    print(String(repeating: "0123456789abcdef", count: (1 << 20) / 16), terminator: "")
} else if switches.contains("non-ascii") {
    print("Content-Type: text/plain; charset=utf-8\n")
    print("grüße, мир, 世界")
} else {
    print("Content-Type: application/json\n")
    print(report(body))
}
if switches.contains("exit") {
    exit(0)
}
