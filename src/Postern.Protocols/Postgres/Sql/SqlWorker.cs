using System.Buffers.Binary;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace Postern.Protocols.Postgres.Sql;

/// <summary>What a worker made of a text.</summary>
internal enum WorkerOutcome
{
    /// <summary>A parse tree.</summary>
    Tree,

    /// <summary>The grammar refused the text.</summary>
    Invalid,

    /// <summary>The worker died of the text, or answered garbage.</summary>
    Died,

    /// <summary>It took too long and was killed.</summary>
    TooSlow,
}

/// <summary>A worker's answer.</summary>
/// <param name="Outcome">How it went.</param>
/// <param name="Tree">The tree as UTF-8 JSON; valid until the next text.</param>
/// <param name="Message">The parser's message.</param>
/// <param name="Position">Characters from 1; 0 when unknown.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct WorkerReply(WorkerOutcome Outcome, ReadOnlyMemory<byte> Tree = default, string Message = "", int Position = 0);

/// <summary>
/// One process that parses texts with libpg_query, which can exhaust its stack and die of it. Used by one thread. Dead or alive it
/// holds nothing of anybody: no environment, no files, no sockets.
/// </summary>
internal sealed class SqlWorker : IDisposable
{
    /// <summary>The worker's exit code when the library is not installed.</summary>
    public const int LibraryIsMissing = 4;

    private const int Idle = 0;
    private const int Busy = 1;
    private const int Killed = 2;

    // A tree takes some fifty bytes for each of a text; more is no statement that anybody would read.
    private const int MaximumReply = 64 << 20;
    private readonly Process _process;
    private readonly Stream _input;
    private readonly Stream _output;
    private readonly ITimer _watch;
    private byte[] _buffer = new byte[16_384];
    private int _state;

    private SqlWorker(Process process, TimeProvider clock)
    {
        _process = process;
        _input = process.StandardInput.BaseStream;
        _output = process.StandardOutput.BaseStream;
        _watch = clock.CreateTimer(static self => ((SqlWorker)self!).OnTooLong(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>The process's id.</summary>
    public int Id => _process.Id;

    /// <summary>The exit code once it has ended.</summary>
    public int? ExitCode => _process.WaitForExit(milliseconds: 1_000) ? _process.ExitCode : null;

    /// <summary>Starts one.</summary>
    /// <exception cref="IOException">The program is not there or cannot be started.</exception>
    public static SqlWorker Start(string program, TimeProvider clock)
    {
        var start = new ProcessStartInfo(program)
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = "/",
        };
        start.Environment.Clear();
        // Which runtime: the one that runs the gateway. No diagnostics port, no dump: nothing that a dying parser could leave behind.
        start.Environment["DOTNET_ROOT"] = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", ".."));
        start.Environment["DOTNET_EnableDiagnostics"] = "0";
        start.Environment["DOTNET_DbgEnableMiniDump"] = "0";
        start.Environment["DOTNET_GCHeapHardLimit"] = "0x10000000";
        start.Environment["DOTNET_TieredPGO"] = "0";
        try
        {
            return new SqlWorker(Process.Start(start) ?? throw new IOException("no process"), clock);
        }
        catch (Exception fault) when (fault is System.ComponentModel.Win32Exception or FileNotFoundException or PlatformNotSupportedException)
        {
            throw new IOException($"the SQL worker `{program}` cannot be started: {fault.Message}", fault);
        }
    }

    /// <summary>Parses one text. After anything but a tree or a refusal of the grammar the worker is of no more use.</summary>
    public WorkerReply Parse(ReadOnlySpan<byte> text, TimeSpan limit)
    {
        if (Interlocked.CompareExchange(ref _state, Busy, Idle) != Idle) return new WorkerReply(WorkerOutcome.Died);
        _watch.Change(limit, Timeout.InfiniteTimeSpan);
        WorkerReply reply;
        try
        {
            Write(text);
            reply = Receive();
        }
        catch (IOException)
        {
            reply = new WorkerReply(WorkerOutcome.Died);
        }
        _watch.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        return Interlocked.CompareExchange(ref _state, Idle, Busy) == Busy ? reply : new WorkerReply(WorkerOutcome.TooSlow);
    }

    public void Dispose()
    {
        _watch.Dispose();
        Kill();
        try
        {
            _input.Dispose();
        }
        catch (IOException)
        {
            // What could not be written any more is of no use to a process that is gone.
        }
        _output.Dispose();
        _process.Dispose();
    }

    private void OnTooLong()
    {
        if (Interlocked.CompareExchange(ref _state, Killed, Busy) == Busy) Kill();
    }

    private void Kill()
    {
        try
        {
            _process.Kill();
        }
        catch (Exception gone) when (gone is InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            // It ended by itself.
        }
    }

    private void Write(ReadOnlySpan<byte> text)
    {
        var length = sizeof(int) + text.Length;
        if (_buffer.Length < length) _buffer = new byte[length];
        BinaryPrimitives.WriteInt32LittleEndian(_buffer, text.Length);
        text.CopyTo(_buffer.AsSpan(sizeof(int)));
        _input.Write(_buffer, 0, length);
        _input.Flush();
    }

    private WorkerReply Receive()
    {
        Span<byte> head = stackalloc byte[sizeof(int)];
        if (_output.ReadAtLeast(head, head.Length, throwOnEndOfStream: false) < head.Length) return new WorkerReply(WorkerOutcome.Died);
        var length = BinaryPrimitives.ReadInt32LittleEndian(head);
        if (length is < 1 or > MaximumReply) return new WorkerReply(WorkerOutcome.Died);
        if (_buffer.Length < length) _buffer = new byte[length];
        if (_output.ReadAtLeast(_buffer.AsSpan(0, length), length, throwOnEndOfStream: false) < length) return new WorkerReply(WorkerOutcome.Died);
        var content = _buffer.AsMemory(1, length - 1);
        switch (_buffer[0])
        {
            case 0:
                return new WorkerReply(WorkerOutcome.Tree, content);
            case 1 when content.Length >= sizeof(int):
                return new WorkerReply(WorkerOutcome.Invalid, default, Encoding.UTF8.GetString(content.Span[sizeof(int)..]), Math.Max(0, BinaryPrimitives.ReadInt32LittleEndian(content.Span)));
            default:
                return new WorkerReply(WorkerOutcome.Died);
        }
    }

    /// <summary>Gives back memory that one long text took.</summary>
    public void Shrink()
    {
        if (_buffer.Length > 1 << 20) _buffer = new byte[16_384];
    }
}
