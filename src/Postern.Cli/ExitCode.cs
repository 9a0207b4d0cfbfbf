namespace Postern.Cli;

/// <summary>What the executable says to scripts. Part of the interface: numbers never change their meaning.</summary>
internal static class ExitCode
{
    public const int Ok = 0;
    public const int Failure = 1;
    public const int Usage = 2;
    public const int LoginNeeded = 3;
    public const int Denied = 4;
    public const int Pending = 5;
    public const int RejectedOrExpired = 6;
    public const int NotFound = 7;
    public const int Unreachable = 8;
    public const int PolicyCheckFailed = 9;
    public const int Interrupted = 130;
}
