namespace Postern.Cli.SignIn;

/// <summary>Signing in did not work; the message says what to do. Holds no token.</summary>
internal sealed class SignInException(string message) : Exception(message);
