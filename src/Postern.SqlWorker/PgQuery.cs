using System.Runtime.InteropServices;

namespace Postern.SqlWorker;

/// <summary>PostgreSQL's own grammar, as libpg_query carries it (<c>pg_query.h</c>, PostgreSQL 15).</summary>
internal static unsafe partial class PgQuery
{
    private const string Library = "libpg_query.so.1504.0";

    [StructLayout(LayoutKind.Sequential)]
    public struct ParseError
    {
        public byte* Message;
        public byte* Function;
        public byte* File;
        public int Line;
        public int Position;
        public byte* Context;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct ParseResult
    {
        public byte* Tree;
        public byte* Errors;
        public ParseError* Error;
    }

    /// <summary>True when the library can be loaded here.</summary>
    public static bool IsPresent() => NativeLibrary.TryLoad(Library, typeof(PgQuery).Assembly, searchPath: null, out _);

    [LibraryImport(Library, EntryPoint = "pg_query_parse")]
    public static partial ParseResult Parse(byte* text);

    [LibraryImport(Library, EntryPoint = "pg_query_free_parse_result")]
    public static partial void Free(ParseResult result);

    // A worker that dies of a hostile text leaves no core file with the text in it (prctl(2): PR_SET_DUMPABLE).
    [LibraryImport("libc", EntryPoint = "prctl")]
    public static partial int Control(int option, nuint argument, nuint unused2, nuint unused3, nuint unused4);
}
