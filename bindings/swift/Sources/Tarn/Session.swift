import Foundation

/// A conversation. Its turns run one after the other; sessions of one model run side by side.
public final class Session: @unchecked Sendable {
  private struct Message: Encodable {
    let role: String
    let content: String
  }

  private let model: Model
  /// Runs the turns, and guards what has been said: JSON messages, as the C API takes them.
  private let queue = DispatchQueue(label: "tarn.session")
  private var messages: [String] = []

  public init(_ model: Model, system: String? = nil) throws {
    self.model = model
    if let system { messages.append(try Session.encode(role: "system", content: system)) }
  }

  /// Asks, and gives the answer as it is generated. Who stops listening (leaves the loop, cancels
  /// the task) ends the generation. Question and answer become part of the conversation when the
  /// answer ends, also one that was cut short; nothing does when it fails.
  public func send(
    _ text: String, options: GenerateOptions = GenerateOptions()
  ) -> AsyncThrowingStream<Event, Error> {
    AsyncThrowingStream { continuation in
      do {
        let generation = try Generation(model)
        let question = try Session.encode(role: "user", content: text)
        continuation.onTermination = { reason in
          if case .cancelled = reason { generation.cancel() }
        }
        // A thread of its own: tarn_generate blocks, which tasks must not.
        queue.async {
          do {
            let conversation = self.messages + [question]
            let result = try generation.run(
              messages: "[\(conversation.joined(separator: ","))]", options: options
            ) { continuation.yield($0) }
            self.messages = conversation + [try generation.message()]
            continuation.yield(.finished(result))
            continuation.finish()
          } catch {
            continuation.finish(throwing: error)
          }
        }
      } catch {
        continuation.finish(throwing: error)
      }
    }
  }

  private static func encode(role: String, content: String) throws -> String {
    let data = try JSONEncoder().encode(Message(role: role, content: content))
    return String(decoding: data, as: UTF8.self)
  }
}
