import CTarn

/// What went wrong: a code for programs, a message ("what: why, and what to do") for people.
public struct TarnError: Error, CustomStringConvertible, Sendable {
  public enum Code: Sendable {
    case invalidArgument, notFound, corrupt, unsupported, outOfMemory, busy, io, `internal`
  }

  public let code: Code
  public let message: String
  public var description: String { message }

  init(_ status: tarn_status) {
    switch status {
    case TARN_INVALID_ARGUMENT: code = .invalidArgument
    case TARN_NOT_FOUND: code = .notFound
    case TARN_CORRUPT: code = .corrupt
    case TARN_UNSUPPORTED: code = .unsupported
    case TARN_OUT_OF_MEMORY: code = .outOfMemory
    case TARN_BUSY: code = .busy
    case TARN_IO: code = .io
    default: code = .internal
    }
    message = String(cString: tarn_last_error())
  }
}

/// The message belongs to the thread that called: check at once, on the same one.
func check(_ status: tarn_status) throws {
  if status != TARN_OK { throw TarnError(status) }
}
