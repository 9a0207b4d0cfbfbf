namespace Postern.Demo;

/// <summary>The demo met something that it did not expect; the message says what and where.</summary>
public sealed class DemoException(string message) : Exception(message);
