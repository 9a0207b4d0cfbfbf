using System.Runtime.InteropServices;

namespace Postern.Gateway.Storage;

/// <summary>
/// Chooses the SQLite library: the system's, which its distribution patches, before the older one that the package carries.
/// Must run before the first connection; running it again does nothing.
/// </summary>
internal static class SqliteSetup
{
    /// <summary>SQL of ours needs nothing newer (<c>returning</c>, <c>drop column</c>).</summary>
    private const int OldestVersion = 3_035_000;

    /// <summary>How long a statement waits for a lock that another process holds; then it fails, and what needed it is refused.</summary>
    public const int PatienceSeconds = 5;

    private static readonly Lazy<string> Chosen = new(Choose);

    /// <summary>Chooses on the first call, and says what was chosen: <c>system 3.40.1</c> or <c>bundled 3.35.5</c>.</summary>
    public static string Use() => Chosen.Value;

    private static string Choose()
    {
        var system = FindSystemLibrary();
        if (system != nint.Zero)
        {
            NativeLibrary.SetDllImportResolver(
                typeof(SQLitePCL.SQLite3Provider_e_sqlite3).Assembly,
                (name, _, _) => string.Equals(name, "e_sqlite3", StringComparison.Ordinal) ? system : nint.Zero);
        }
        SQLitePCL.raw.SetProvider(new SQLitePCL.SQLite3Provider_e_sqlite3());
        return $"{(system == nint.Zero ? "bundled" : "system")} {SQLitePCL.raw.sqlite3_libversion().utf8_to_string()}";
    }

    private static nint FindSystemLibrary()
    {
        ReadOnlySpan<string> names = OperatingSystem.IsLinux() ? ["libsqlite3.so.0"] : OperatingSystem.IsMacOS() ? ["/usr/lib/libsqlite3.dylib"] : [];
        foreach (var name in names)
        {
            if (!NativeLibrary.TryLoad(name, out var library)) continue;
            // A library built without threads would corrupt what several connections share.
            if (Ask(library, "sqlite3_libversion_number") >= OldestVersion && Ask(library, "sqlite3_threadsafe") != 0) return library;
            NativeLibrary.Free(library);
        }
        return nint.Zero;
    }

    private static int Ask(nint library, string function) =>
        NativeLibrary.TryGetExport(library, function, out var address) ? Marshal.GetDelegateForFunctionPointer<Answer>(address)() : 0;

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate int Answer();
}
