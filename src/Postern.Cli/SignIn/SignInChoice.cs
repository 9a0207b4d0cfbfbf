using Postern.Cli.Console;

namespace Postern.Cli.SignIn;

/// <summary>How a person signs in, where they did not say.</summary>
internal static class SignInChoice
{
    /// <summary>True when no browser on this machine could be the person's: there is no display, or they sit at another one (SSH).</summary>
    public static bool IsElsewhere(Surroundings surroundings) =>
        surroundings.Variable("SSH_CONNECTION") is not null || surroundings.Variable("SSH_TTY") is not null
        || (OperatingSystem.IsLinux() && surroundings.Variable("DISPLAY") is null && surroundings.Variable("WAYLAND_DISPLAY") is null);

    /// <summary>The client to sign in as: what <c>POSTERN_CLIENT_ID</c> says, <c>postern-cli</c> otherwise.</summary>
    public static string ClientId(Surroundings surroundings) => surroundings.Variable("POSTERN_CLIENT_ID") ?? "postern-cli";

    /// <summary>Where sign-ins are kept: what was said now, what <c>POSTERN_KEEP</c> says, a file otherwise.</summary>
    /// <exception cref="SignInException">A keychain was asked for, and there is none: a file in its place would be less than was asked for.</exception>
    public static bool UsesKeychain(string? given, Surroundings surroundings)
    {
        switch (given ?? surroundings.Variable("POSTERN_KEEP"))
        {
            case null or "file":
                return false;
            case "keychain":
                return Keychain.Of(surroundings) is not null ? true : throw new SignInException($"there is no keychain here that can be spoken to; {(OperatingSystem.IsLinux() ? "install `secret-tool` (libsecret-tools), or " : "")}sign in with `--keep file`");
            case var other:
                throw new SignInException($"POSTERN_KEEP is `{other}`; expected `file` or `keychain`");
        }
    }
}
