using System.Globalization;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;

// A child's pipes are socket pairs, which the runtime waits for without a thread each; nothing here reaches a network.
#pragma warning disable RS0030

namespace Postern.Upstreams.Stdio;

/// <summary>
/// One started program: in a session and process group of its own, with nothing of the gateway but three pipes. A small shell
/// script stands above it and holds the lifeline: when the gateway is gone, however it went, the kernel closes the lifeline
/// and the script kills the group.
/// </summary>
internal sealed class ChildProcess : IDisposable
{
    /// <summary>The shell that POSIX promises; it runs the script below, and reads nothing that comes from anyone.</summary>
    public const string Shell = "/bin/sh";

    // $1 is the folder, the rest the command. Descriptor 3 is the lifeline: it takes the exit code, and ends with the gateway.
    // The server gets the three pipes and nothing else; the script keeps no end of stdin and stdout, so that their ends are seen.
    // TERM is for the server: the script must outlive it to tell how it ended.
    private const string Script = """
        cd -- "$1" || { echo 126 >&3; exit 126; }
        shift
        exec 4<&0
        "$@" <&4 3<&- 4<&- &
        server=$!
        trap '' TERM
        exec 0</dev/null 1>/dev/null 4<&-
        { read -r _ <&3; kill -KILL 0; } 2>/dev/null &
        wait "$server"
        code=$?
        echo "$code" >&3
        exit "$code"
        """;

    private readonly Socket _lifeline;
    private int _reaped;

    private ChildProcess(int id, Socket input, Socket output, Socket errors, Socket lifeline)
    {
        Id = id;
        Input = input;
        Output = output;
        Errors = errors;
        _lifeline = lifeline;
    }

    /// <summary>The id of the process, its group and its session.</summary>
    public int Id { get; }

    /// <summary>What is written here the server reads.</summary>
    public Socket Input { get; }

    /// <summary>What the server writes.</summary>
    public Socket Output { get; }

    /// <summary>What it writes to stderr.</summary>
    public Socket Errors { get; }

    /// <summary>Starts the target's program.</summary>
    /// <exception cref="IOException">It cannot be started.</exception>
    public static ChildProcess Start(StdioTarget target)
    {
        if (!OperatingSystem.IsLinux()) throw new IOException("servers over stdio are started on Linux only");
        var pairs = new (int Ours, int Theirs)[4];
        try
        {
            for (var i = 0; i < pairs.Length; i++) pairs[i] = Pair();
            var id = Spawn(target, pairs);
            foreach (ref var pair in pairs.AsSpan()) CloseTheirs(ref pair);
            return new ChildProcess(id, Take(ref pairs[0]), Take(ref pairs[1]), Take(ref pairs[2]), Take(ref pairs[3]));
        }
        finally
        {
            foreach (ref var pair in pairs.AsSpan())
            {
                CloseTheirs(ref pair);
                if (pair.Ours != 0) _ = Libc.Close(pair.Ours);
            }
        }
    }

    /// <summary>Completes when the server ended: with its exit code, or null when it was killed together with the script.</summary>
    public async Task<int?> WaitAsync()
    {
        var buffer = new byte[16];
        var length = 0;
        try
        {
            while (length < buffer.Length && await _lifeline.ReceiveAsync(buffer.AsMemory(length)).ConfigureAwait(false) is var read and > 0)
            {
                length += read;
                if (buffer.AsSpan(0, length).Contains((byte)'\n')) break;
            }
        }
        catch (SocketException)
        {
            // A lifeline that was cut tells the same as one that ended.
        }
        return int.TryParse(Encoding.ASCII.GetString(buffer, 0, length).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var code) ? code : null;
    }

    /// <summary>Asks the group to end. Nothing once it was reaped: the number may be somebody else's by then.</summary>
    public void Terminate()
    {
        if (Volatile.Read(ref _reaped) == 0) _ = Libc.Signal(-Id, Libc.SigTerm);
    }

    /// <summary>Whom it started so far, and they in turn, wherever they are now.</summary>
    public Task<List<ProcessMark>> FamilyAsync() => Task.Run(() => Volatile.Read(ref _reaped) == 0 ? ProcessTree.DescendantsOf(Id) : []);

    /// <summary>Kills the group, and of the family whoever left it; and reaps. Returns when they are gone.</summary>
    public Task KillAsync(List<ProcessMark> family) => Task.Run(() =>
    {
        if (Interlocked.Exchange(ref _reaped, 1) != 0) return;
        _ = Libc.Signal(-Id, Libc.SigKill);
        foreach (var one in family) ProcessTree.Kill(one);
        Reap();
    });

    public void Dispose()
    {
        Input.Dispose();
        Output.Dispose();
        Errors.Dispose();
        _lifeline.Dispose();
    }

    /// <summary>Waits for the script, and for whatever of the group the kernel gave to us because we are the first process of a container.</summary>
    private unsafe void Reap()
    {
        const int Interrupted = 4; // EINTR
        int status;
        while (Libc.Wait(-Id, &status, 0) > 0 || Marshal.GetLastPInvokeError() == Interrupted)
        {
        }
    }

    private static unsafe (int Ours, int Theirs) Pair()
    {
        var pair = stackalloc int[2];
        if (Libc.SocketPair(Libc.UnixFamily, Libc.StreamClosedOnExec, 0, pair) != 0) throw new IOException($"no pipe for a child: error {Marshal.GetLastPInvokeError()}");
        return (pair[0], pair[1]);
    }

    private static void CloseTheirs(ref (int Ours, int Theirs) pair)
    {
        if (pair.Theirs != 0) _ = Libc.Close(pair.Theirs);
        pair.Theirs = 0;
    }

    private static Socket Take(ref (int Ours, int Theirs) pair)
    {
        var socket = new Socket(new SafeSocketHandle(pair.Ours, ownsHandle: true));
        pair.Ours = 0;
        return socket;
    }

    private static unsafe int Spawn(StdioTarget target, ReadOnlySpan<(int Ours, int Theirs)> pairs)
    {
        var actions = stackalloc byte[Libc.OpaqueBytes];
        var attributes = stackalloc byte[Libc.OpaqueBytes];
        var everySignal = stackalloc byte[Libc.OpaqueBytes];
        var noSignal = stackalloc byte[Libc.OpaqueBytes];
        new Span<byte>(everySignal, Libc.OpaqueBytes).Fill(0xFF);
        new Span<byte>(noSignal, Libc.OpaqueBytes).Clear();
        Require(Libc.InitActions(actions));
        Require(Libc.InitAttributes(attributes));
        var arguments = Texts([Shell, "-c", Script, "postern-child", target.Folder, target.Command, .. target.Arguments]);
        var environment = Texts([.. target.Environment.Select(one => $"{one.Key}={one.Value}")]);
        try
        {
            for (var i = 0; i < pairs.Length; i++)
            {
                // 0 to 3 are the child's; a source among them would be overwritten by an earlier copy.
                if (pairs[i].Theirs < pairs.Length) throw new IOException("the gateway was started without stdin, stdout and stderr");
                Require(Libc.AddCopy(actions, pairs[i].Theirs, i));
            }
            // A session of its own: a group that one signal reaches, and no terminal of ours. Signals as a fresh process has them.
            Require(Libc.SetFlags(attributes, Libc.OwnSession | Libc.DefaultSignals | Libc.OwnSignalMask));
            Require(Libc.SetDefaultSignals(attributes, everySignal));
            Require(Libc.SetSignalMask(attributes, noSignal));
            int id;
            Require(Libc.Spawn(&id, Shell, actions, attributes, arguments, environment));
            return id;
        }
        finally
        {
            Free(arguments);
            Free(environment);
            _ = Libc.DestroyActions(actions);
            _ = Libc.DestroyAttributes(attributes);
        }
    }

    private static void Require(int error)
    {
        if (error != 0) throw new IOException($"a child could not be started: error {error}");
    }

    private static unsafe byte** Texts(string[] texts)
    {
        var list = (byte**)NativeMemory.AllocZeroed((nuint)(texts.Length + 1), (nuint)sizeof(byte*)); // + 1: the null that ends it
        for (var i = 0; i < texts.Length; i++) list[i] = (byte*)Marshal.StringToCoTaskMemUTF8(texts[i]);
        return list;
    }

    private static unsafe void Free(byte** list)
    {
        // The environment holds secrets: nothing of it stays in memory that is given back.
        for (var text = list; *text is not null; text++) Marshal.ZeroFreeCoTaskMemUTF8((nint)(*text));
        NativeMemory.Free(list);
    }
}
