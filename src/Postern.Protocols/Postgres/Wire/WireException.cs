namespace Postern.Protocols.Postgres.Wire;

/// <summary>Bytes that are no message, or one in the wrong place. Nothing that follows on the connection can be trusted to begin where it seems to.</summary>
/// <param name="message">For the caller and the record; holds no value.</param>
internal sealed class WireException(string message) : Exception(message);
