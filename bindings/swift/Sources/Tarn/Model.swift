import CTarn

public struct LoadOptions: Sendable {
  /// Threads of the process that compute; 0: one for each physical core.
  public var threads: Int32 = 0
  /// Bytes for keys, values and remembered prompts; 0: half of the memory that is left.
  public var cacheLimit: UInt64 = 0
  /// Most tokens of a prompt and its answer; 0: what the model was made for.
  public var context: Int64 = 0

  public init() {}
}

public struct ModelInfo: Sendable {
  public let name: String
  public let architecture: String
  public let format: String
  public let parameters: Int64
  public let weightBytes: UInt64
  public let context: Int64
}

/// A loaded model. Several sessions may use it at once, from any threads.
public final class Model: @unchecked Sendable {
  let handle: OpaquePointer

  /// Loads a folder in Hugging Face's layout, a .gguf file, or an embedded model ("pebble"). Takes
  /// as long as reading the weights does, on the calling thread.
  public init(_ path: String, options: LoadOptions = LoadOptions()) throws {
    var load = tarn_load_options_default()
    load.threads = options.threads
    load.cache_limit = options.cacheLimit
    load.context = options.context
    var made: OpaquePointer?
    try check(tarn_model_load(path, &load, &made))
    handle = made!
  }

  deinit { tarn_model_free(handle) }

  public func info() throws -> ModelInfo {
    var info = tarn_model_info_default()
    try check(tarn_model_get_info(handle, &info))
    return ModelInfo(
      name: String(cString: info.name), architecture: String(cString: info.architecture),
      format: String(cString: info.format), parameters: info.parameters,
      weightBytes: info.weight_bytes, context: info.context)
  }

  public func tokenize(_ text: String, addSpecialTokens: Bool = true) throws -> [Int32] {
    var tokens: UnsafeMutablePointer<Int32>?
    var count = 0
    try check(tarn_tokenize(handle, text, addSpecialTokens ? 1 : 0, &tokens, &count))
    defer { tarn_free(tokens) }
    return Array(UnsafeBufferPointer(start: tokens, count: count))
  }

  public func detokenize(_ tokens: [Int32], skipSpecialTokens: Bool = true) throws -> String {
    var text: UnsafeMutablePointer<CChar>?
    try check(
      tarn_detokenize(handle, tokens, tokens.count, skipSpecialTokens ? 1 : 0, &text, nil))
    defer { tarn_free(text) }
    return String(cString: text!)
  }

  /// The mean of the text's final hidden states, of length 1.
  public func embed(_ text: String) throws -> [Float] {
    var values: UnsafeMutablePointer<Float>?
    var count = 0
    try check(tarn_embed(handle, text, TARN_POOLING_MEAN, &values, &count))
    defer { tarn_free(values) }
    return Array(UnsafeBufferPointer(start: values, count: count))
  }
}
