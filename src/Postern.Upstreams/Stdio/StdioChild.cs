using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Postern.Core.Operations;
using Postern.Core.Pipeline;

#pragma warning disable RS0030 // speaks over the child's pipes; nothing here reaches a network

namespace Postern.Upstreams.Stdio;

/// <summary>Whose a child is. A shared one has neither identity nor agent.</summary>
internal sealed record ChildOwner(string Connection, string? Identity, string? Agent, bool IsGateway)
{
    /// <summary>Whose a child of this caller would be. The gateway's own are told by kind: any issuer may be called anything.</summary>
    public static ChildOwner Of(Identity identity, string connection) => new(connection, identity.Key, identity.Agent, identity.Kind == IdentityKind.Gateway);

    /// <summary>Everybody.</summary>
    public static ChildOwner Shared(string connection) => new(connection, null, null, IsGateway: false);

    /// <summary>True for a child that serves everybody.</summary>
    public bool IsShared => Identity is null;
}

// Neither field that could be disposed of ever makes a handle or a timer, and late writers may still look at them.
#pragma warning disable CA1001

/// <summary>One running server: its process, its pipes and its switchboard. Ended once, by whoever comes first.</summary>
internal sealed class StdioChild(StdioTarget target, ChildOwner owner, Switchboard board, TimeProvider clock, ILogger logger)
{
    /// <summary>Longest line that is read from a child.</summary>
    public const int MaxLine = 16 * 1024 * 1024;

    /// <summary>Bytes that may wait for slow clients before the child is no longer read.</summary>
    public const int WindowBytes = 4 * 1024 * 1024;

    /// <summary>How long the child is not read for a slow client's sake; then that client's stream is broken off.</summary>
    public static readonly TimeSpan StallPatience = TimeSpan.FromSeconds(10);

    /// <summary>How long a child may leave its input unread.</summary>
    public static readonly TimeSpan WritePatience = TimeSpan.FromSeconds(30);

    /// <summary>How long a child is given to end after its input was closed, and again after it was asked to.</summary>
    public static readonly TimeSpan EndPatience = TimeSpan.FromSeconds(2);

    private const int ChunkBytes = 64 * 1024;

    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly CancellationTokenSource _over = new();
    private readonly StderrLog _errors = new(owner.Connection, target, clock, logger);
    private readonly Lock _lock = new();
    private ChildProcess? _process;
    private Task _reading = Task.CompletedTask;
    private Task<int?> _exit = Task.FromResult<int?>(null);
    private Task? _ending;
    private TaskCompletionSource? _room;
    private int _queued;

    public ChildOwner Owner => owner;

    public Switchboard Board => board;

    /// <summary>The process id; 0 before the start.</summary>
    public int Id => _process?.Id ?? 0;

    /// <summary>When it was last asked something.</summary>
    public DateTimeOffset LastUsed { get; set; }

    /// <summary>A shared child was told that its client is ready.</summary>
    public bool IsReady { get; set; }

    /// <summary>Told once, when it begins to end: the tables must not find it any more.</summary>
    public required Action<StdioChild> Ending { get; init; }

    /// <summary>Told once it is gone: why, and its exit code if it had one.</summary>
    public required Func<StdioChild, string, int?, ValueTask> Ended { get; init; }

    /// <summary>Bytes that it wrote to stderr.</summary>
    public long StderrBytes => _errors.Bytes;

    /// <summary>Starts it, once; false when it was started before.</summary>
    /// <exception cref="UpstreamException">It cannot be started.</exception>
    public bool Start()
    {
        lock (_lock)
        {
            if (_ending is not null) throw new UpstreamException(RefusalCode.UpstreamUnavailable, "the target's process ended");
            if (_process is not null) return false;
            try
            {
                _process = ChildProcess.Start(target.For(owner.Identity));
            }
            catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
            {
                _ending = Task.CompletedTask;
                throw new UpstreamException(RefusalCode.UpstreamUnavailable, $"the target of `{owner.Connection}` could not be started: {fault.Message}", fault);
            }
            _exit = _process.WaitAsync();
            _reading = Task.WhenAll(ReadAsync(_process.Output), _errors.ReadAsync(_process.Errors));
            _ = EndWithProcessAsync();
            return true;
        }
    }

    /// <summary>A stream whose waiting bytes count against this child's window.</summary>
    public ChildStream NewStream() => new(Changed);

    /// <summary>Writes one line, whole; a caller who leaves meanwhile leaves alone.</summary>
    public async ValueTask WriteAsync(byte[] line, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        var write = WriteInTurnAsync(line);
        await write.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Writes what the switchboard wants said. Nobody waits for it, and a child that ends meanwhile has no need of it.</summary>
    public async ValueTask WriteOwnAsync(List<byte[]>? lines)
    {
        if (lines is null) return;
        try
        {
            foreach (var line in lines) await WriteAsync(line, _over.Token).ConfigureAwait(false);
        }
        catch (Exception fault) when (fault is OperationCanceledException or UpstreamException)
        {
        }
    }

    /// <summary>Ends it and everything that it started; completes when they are gone.</summary>
    public Task EndAsync(string why)
    {
        lock (_lock)
        {
            if (_ending is not null) return _ending;
            Ending(this);
            return _ending = EndOnceAsync(why);
        }
    }

    private async Task EndWithProcessAsync()
    {
        await _exit.ConfigureAwait(false);
        await EndAsync("it ended by itself").ConfigureAwait(false);
    }

    private async Task EndOnceAsync(string why)
    {
        // Never under the lock of whoever called.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        await _over.CancelAsync().ConfigureAwait(false);
        int? code = null;
        if (_process is { } process)
        {
            // What it wrote before it ended is still delivered; of one that we end, nothing is wanted any more.
            if (!_exit.IsCompleted) board.FailAll($"the target's process was ended: {why}");
            // Looked up while it still runs: what it leaves behind is nobody's child afterwards.
            var family = await process.FamilyAsync().ConfigureAwait(false);
            Shut(process);
            if (!await HasExitedAsync().ConfigureAwait(false))
            {
                process.Terminate();
                await HasExitedAsync().ConfigureAwait(false);
            }
            await process.KillAsync(family).ConfigureAwait(false);
            code = await _exit.ConfigureAwait(false);
            await _reading.ConfigureAwait(false);
            process.Dispose();
        }
        board.FailAll("the target's process ended");
        await Ended(this, why, code).ConfigureAwait(false);
    }

    private static void Shut(ChildProcess process)
    {
        try
        {
            process.Input.Shutdown(SocketShutdown.Both);
        }
        catch (SocketException)
        {
            // The other end is closed already.
        }
    }

    private async ValueTask<bool> HasExitedAsync()
    {
        try
        {
            await _exit.WaitAsync(EndPatience, clock).ConfigureAwait(false);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    private async Task WriteInTurnAsync(byte[] line)
    {
        try
        {
            using var patience = new CancellationTokenSource(WritePatience, clock);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(_over.Token, patience.Token);
            for (var rest = line.AsMemory(); !rest.IsEmpty;)
            {
                rest = rest[await _process!.Input.SendAsync(rest, either.Token).ConfigureAwait(false)..];
            }
        }
        catch (Exception fault) when (fault is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // Half a line may be on the pipe: whatever followed would be read as its end.
            _ = EndAsync("it does not read its input");
            throw new UpstreamException(RefusalCode.UpstreamUnavailable, "the target's process does not read its input", fault);
        }
        finally
        {
            _turn.Release();
        }
    }

    private async Task ReadAsync(Socket output)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        var buffer = new byte[ChunkBytes];
        using var lines = new LineReader(MaxLine);
        var why = "it closed its output";
        try
        {
            while (await output.ReceiveAsync(buffer).ConfigureAwait(false) is var read and > 0)
            {
                await WriteOwnAsync(Take(lines, buffer.AsSpan(0, read))).ConfigureAwait(false);
                if (lines.Fault is { } fault)
                {
                    why = fault;
                    break;
                }
                await HaveRoomAsync().ConfigureAwait(false);
            }
        }
        catch (Exception over) when (over is SocketException or ObjectDisposedException)
        {
            // It ended.
        }
        _ = EndAsync(why);
    }

    private List<byte[]>? Take(LineReader lines, ReadOnlySpan<byte> input)
    {
        List<byte[]>? answers = null;
        while (lines.TryRead(ref input, out var line))
        {
            if (board.Take(line) is { Count: > 0 } more) (answers ??= []).AddRange(more);
        }
        return answers;
    }

    /// <summary>Waits while too much waits for clients; past the patience the one that holds most is broken off.</summary>
    private async ValueTask HaveRoomAsync()
    {
        while (Volatile.Read(ref _queued) > WindowBytes)
        {
            var room = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            Volatile.Write(ref _room, room);
            if (Volatile.Read(ref _queued) <= WindowBytes) return;
            try
            {
                await room.Task.WaitAsync(StallPatience, clock, _over.Token).ConfigureAwait(false);
            }
            catch (TimeoutException)
            {
                board.FailFullest("the client reads too slowly");
            }
            catch (OperationCanceledException)
            {
                return; // it ends; what is left is read without waiting
            }
        }
    }

    private void Changed(int bytes)
    {
        if (Interlocked.Add(ref _queued, bytes) <= WindowBytes && bytes < 0) Volatile.Read(ref _room)?.TrySetResult();
    }
}
