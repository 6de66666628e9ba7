import CTarn
import Foundation

public struct GenerateOptions: Sendable {
  /// Most tokens of the answer; -1: until the context is full.
  public var maxTokens: Int64 = -1
  /// nil: what the model's makers suggest; 0: always the likeliest token.
  public var temperature: Double?
  public var topP: Double?
  /// The same seed, the same answer; nil: another one each time.
  public var seed: Int64?
  /// The answer is JSON that is valid against this schema.
  public var jsonSchema: String?
  /// OpenAI's list of functions, as JSON.
  public var tools: String?
  /// Further variables of the chat template, as a JSON object.
  public var templateKwargs: String?

  public init() {}
}

public struct GenerationResult: Sendable {
  public enum FinishReason: Sendable { case stop, length, cancelled, timeout }
  public let finishReason: FinishReason
  public let promptTokens: Int64
  public let cachedTokens: Int64
  public let generatedTokens: Int64
  public let firstTokenSeconds: Double
  public let decodeSeconds: Double

  init(_ result: tarn_result) {
    switch result.finish_reason {
    case TARN_FINISH_STOP: finishReason = .stop
    case TARN_FINISH_LENGTH: finishReason = .length
    case TARN_FINISH_TIMEOUT: finishReason = .timeout
    default: finishReason = .cancelled
    }
    promptTokens = result.prompt_tokens
    cachedTokens = result.cached_tokens
    generatedTokens = result.generated_tokens
    firstTokenSeconds = result.first_token_seconds
    decodeSeconds = result.decode_seconds
  }
}

public enum Event: Sendable {
  case reasoning(String)
  case content(String)
  /// `arguments`: a JSON object.
  case toolCall(id: String, name: String, arguments: String)
  /// The last one.
  case finished(GenerationResult)
}

/// What the callback is given; lives as long as the call of tarn_generate.
private final class Sink {
  let emit: (Event) -> Void
  init(_ emit: @escaping (Event) -> Void) { self.emit = emit }
}

/// Copies of texts that live as long as this.
private final class CTexts {
  private var copies: [UnsafeMutablePointer<CChar>] = []
  func copy(_ text: String?) -> UnsafePointer<CChar>? {
    guard let text, let made = strdup(text) else { return nil }
    copies.append(made)
    return UnsafePointer(made)
  }
  deinit { copies.forEach { free($0) } }
}

/// One answer.
final class Generation: @unchecked Sendable {
  private let model: Model
  private let handle: OpaquePointer

  init(_ model: Model) throws {
    var made: OpaquePointer?
    try check(tarn_generation_create(model.handle, &made))
    self.model = model
    handle = made!
  }

  deinit { tarn_generation_free(handle) }

  /// From any thread.
  func cancel() { tarn_cancel(handle) }

  /// Blocks until the answer is over; `emit` is called on this thread.
  func run(
    messages: String, options: GenerateOptions, emit: @escaping (Event) -> Void
  ) throws -> GenerationResult {
    let texts = CTexts()
    var all = tarn_generate_options_default()
    all.messages = texts.copy(messages)
    all.tools = texts.copy(options.tools)
    all.template_kwargs = texts.copy(options.templateKwargs)
    all.max_tokens = options.maxTokens
    if let temperature = options.temperature { all.temperature = temperature }
    if let topP = options.topP { all.top_p = topP }
    if let seed = options.seed { all.seed = seed }
    if let schema = options.jsonSchema {
      all.constraint = TARN_CONSTRAINT_JSON_SCHEMA
      all.constraint_text = texts.copy(schema)
    }
    var result = tarn_result_default()
    let sink = Sink(emit)
    let status = withExtendedLifetime((texts, sink)) {
      tarn_generate(
        handle, &all, Generation.callback, Unmanaged.passUnretained(sink).toOpaque(), &result)
    }
    try check(status)
    return GenerationResult(result)
  }

  /// The answer as a JSON message.
  func message() throws -> String {
    var text: UnsafePointer<CChar>?
    try check(tarn_generation_text(handle, TARN_TEXT_MESSAGE, &text, nil))
    return String(cString: text!)
  }

  private static let callback: tarn_event_callback = { pointer, user in
    guard let event = pointer?.pointee, let user else { return 0 }
    let emit = Unmanaged<Sink>.fromOpaque(user).takeUnretainedValue().emit
    let bytes = UnsafeRawBufferPointer(start: event.text, count: event.length)
    let text = String(decoding: bytes, as: UTF8.self)
    switch event.kind {
    case TARN_EVENT_REASONING:
      emit(.reasoning(text))
    case TARN_EVENT_TOOL_CALL:
      emit(
        .toolCall(
          id: String(cString: event.call_id), name: String(cString: event.call_name),
          arguments: text))
    default:
      emit(.content(text))
    }
    return 0
  }
}
