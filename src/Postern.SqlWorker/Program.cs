using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Postern.SqlWorker;

// Reads SQL texts from stdin and writes their parse trees to stdout until stdin ends. A text may exhaust the stack of the native
// parser and take this process with it: that is what the process is for.
//
// In:  length (4 bytes, little endian), text (UTF-8 without NUL).
// Out: 0 and the tree as JSON, or 1, the position (4 bytes) and the parser's message; each behind its length (4 bytes), the leading byte included.
const int MaximumText = 1 << 20;
const int SetDumpable = 4;
const int LibraryIsMissing = 4;
const int TooLong = 5;

// Deeper than the gateway reads anyway. What still exhausts it must be a hundred kilobytes long at least.
const int ParserStack = 4 << 20;
const int LongestParseMilliseconds = 2_000;

_ = PgQuery.Control(SetDumpable, 0, 0, 0, 0);
if (!PgQuery.IsPresent()) return LibraryIsMissing;

var startedAt = 0L;
var ended = new ManualResetEventSlim();
var parser = new Thread(Serve, ParserStack) { IsBackground = true };
parser.Start();
while (!ended.Wait(LongestParseMilliseconds / 4))
{
    // The gateway kills a slow worker; this is for a gateway that is gone.
    var since = Volatile.Read(ref startedAt);
    if (since != 0 && Environment.TickCount64 - since > LongestParseMilliseconds) Environment.Exit(TooLong);
}
return 0;

void Serve()
{
    try
    {
        using var input = new FileStream(new Microsoft.Win32.SafeHandles.SafeFileHandle(0, ownsHandle: false), FileAccess.Read, bufferSize: 0);
        using var output = new FileStream(new Microsoft.Win32.SafeHandles.SafeFileHandle(1, ownsHandle: false), FileAccess.Write, bufferSize: 0);
        var head = new byte[sizeof(int)];
        var text = new byte[4096];
        var reply = new byte[16_384];
        while (input.ReadAtLeast(head, head.Length, throwOnEndOfStream: false) == head.Length)
        {
            var length = BinaryPrimitives.ReadInt32LittleEndian(head);
            if (length is < 0 or > MaximumText) return;
            if (text.Length <= length) text = new byte[length + 1]; // + 1: the NUL that ends it
            input.ReadExactly(text, 0, length);
            text[length] = 0;
            Volatile.Write(ref startedAt, Environment.TickCount64);
            var count = Parse(text, ref reply);
            Volatile.Write(ref startedAt, 0);
            output.Write(reply, 0, count);
            if (reply.Length > MaximumText) reply = new byte[16_384];
        }
    }
    catch (IOException)
    {
        // The gateway is gone, or does not want this any more.
    }
    finally
    {
        ended.Set();
    }
}

static unsafe int Parse(byte[] text, ref byte[] reply)
{
    PgQuery.ParseResult result;
    fixed (byte* start = text) result = PgQuery.Parse(start);
    try
    {
        if (result.Error is not null)
        {
            var message = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(result.Error->Message);
            var size = Begin(ref reply, 1 + sizeof(int) + message.Length);
            reply[sizeof(int)] = 1;
            BinaryPrimitives.WriteInt32LittleEndian(reply.AsSpan(sizeof(int) + 1), result.Error->Position);
            message.CopyTo(reply.AsSpan(sizeof(int) + 1 + sizeof(int)));
            return size;
        }
        var tree = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(result.Tree);
        var total = Begin(ref reply, 1 + tree.Length);
        reply[sizeof(int)] = 0;
        tree.CopyTo(reply.AsSpan(sizeof(int) + 1));
        return total;
    }
    finally
    {
        PgQuery.Free(result);
    }
}

static int Begin(ref byte[] reply, int length)
{
    if (reply.Length < sizeof(int) + length) reply = new byte[sizeof(int) + length];
    BinaryPrimitives.WriteInt32LittleEndian(reply, length);
    return sizeof(int) + length;
}
