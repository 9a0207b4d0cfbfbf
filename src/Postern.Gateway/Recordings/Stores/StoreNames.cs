using System.Buffers;

namespace Postern.Gateway.Recordings.Stores;

/// <summary>Which names pieces may have, the same for every store: none that leads out of its folder, or is one thing here and another there.</summary>
internal static class StoreNames
{
    private const int Longest = 200;
    private static readonly SearchValues<char> Allowed = SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_/");

    /// <summary>The name itself.</summary>
    /// <exception cref="ArgumentException">It is none; what a program made up, never what somebody typed.</exception>
    public static string Checked(string name)
    {
        if (name.Length is 0 or > Longest || name.AsSpan().ContainsAnyExcept(Allowed)) throw new ArgumentException($"`{name}` is no name for a piece", nameof(name));
        foreach (var step in name.Split('/'))
        {
            if (step.Length == 0 || step[0] == '.') throw new ArgumentException($"`{name}` is no name for a piece", nameof(name));
        }
        return name;
    }
}
