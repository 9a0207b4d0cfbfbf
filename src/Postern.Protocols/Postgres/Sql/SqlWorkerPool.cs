using System.Collections.Concurrent;

namespace Postern.Protocols.Postgres.Sql;

/// <summary>Limits of the workers.</summary>
internal sealed class SqlWorkerOptions
{
    /// <summary>The longest text that is read, in bytes: 1 MiB, as much as one unit may hold.</summary>
    public const int MaximumText = 1 << 20;

    /// <summary>Worker processes at once.</summary>
    public int Workers { get; init; } = Math.Clamp(Environment.ProcessorCount, 1, 4);

    /// <summary>Wall-clock time for one text.</summary>
    public TimeSpan Limit { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Wall-clock time for a process to be there.</summary>
    public TimeSpan StartLimit { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Texts that may wait for a worker; the next is refused.</summary>
    public int Queue { get; init; } = 1_024;

    /// <summary>The worker's program; beside the gateway's own unless set.</summary>
    public string Program { get; init; } = Path.Combine(AppContext.BaseDirectory, "Postern.SqlWorker");

    /// <summary>All time comes from here.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;
}

/// <summary>
/// A bounded pool of disposable workers, each driven by a thread of its own. Whoever sends a text that kills a worker gets a
/// refusal; the others wait for the other workers. A worker that died is replaced after a pause that doubles, so that a flood of
/// such texts starts few processes.
/// </summary>
internal sealed class SqlWorkerPool : IDisposable
{
    // Trees are read by recursion, no deeper than the tree's own limit.
    private const int ThreadStack = 16 << 20;
    private static readonly TimeSpan s_firstPause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan s_longestPause = TimeSpan.FromMilliseconds(500);
    private readonly SqlWorkerOptions _options;
    private readonly BlockingCollection<Job> _jobs;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Thread[] _threads;
    private int _isStarted;
    private int _starts;

    public SqlWorkerPool(SqlWorkerOptions options)
    {
        _options = options;
        _jobs = new BlockingCollection<Job>(options.Queue);
        _threads = new Thread[options.Workers];
    }

    /// <summary>Processes started so far.</summary>
    public int Starts => Volatile.Read(ref _starts);

    /// <summary>Reads a text that passed the checks of <see cref="StatementTexts"/>. The text is used until the task completes.</summary>
    public Task<PooledReading> ReadAsync(ReadOnlyMemory<byte> text, Catalogue catalogue)
    {
        EnsureStarted();
        var job = new Job(text, catalogue);
        try
        {
            if (!_jobs.TryAdd(job)) return Task.FromResult(new PooledReading(new StatementReading.Undecidable("too many statements wait to be read; try again"), IsLasting: false));
        }
        catch (InvalidOperationException)
        {
            return Task.FromResult(new PooledReading(new StatementReading.Undecidable("the gateway is stopping"), IsLasting: false));
        }
        return job.Done.Task;
    }

    /// <summary>Null when a worker can be started and parses; else what is missing, and what to install.</summary>
    public static string? FaultOf(SqlWorkerOptions options)
    {
        try
        {
            using var worker = SqlWorker.Start(options.Program, options.Clock);
            var reply = worker.Parse("select 1"u8, TimeSpan.FromSeconds(30));
            if (reply.Outcome == WorkerOutcome.Tree) return null;
            return worker.ExitCode == SqlWorker.LibraryIsMissing
                ? "PostgreSQL's grammar is not installed: `libpg_query.so.1504.0` was not found; install the package `libpg-query1504.0` (Debian 12), or remove the connections with `protocol: postgres`"
                : "the SQL worker does not answer";
        }
        catch (IOException fault)
        {
            return fault.Message;
        }
    }

    public void Dispose()
    {
        _jobs.CompleteAdding();
        _stopping.Cancel();
        if (Volatile.Read(ref _isStarted) != 0)
        {
            foreach (var thread in _threads) thread.Join(TimeSpan.FromSeconds(5));
        }
        while (_jobs.TryTake(out var job)) job.Done.TrySetResult(new PooledReading(new StatementReading.Undecidable("the gateway is stopping"), IsLasting: false));
    }

    private void EnsureStarted()
    {
        if (Volatile.Read(ref _isStarted) != 0 || Interlocked.Exchange(ref _isStarted, 1) != 0) return;
        for (var i = 0; i < _threads.Length; i++)
        {
            _threads[i] = new Thread(Serve, ThreadStack) { IsBackground = true, Name = "sql worker" };
            _threads[i].Start();
        }
    }

    private void Serve()
    {
        SqlWorker? worker = null;
        var pause = TimeSpan.Zero;
        try
        {
            foreach (var job in _jobs.GetConsumingEnumerable(_stopping.Token))
            {
                var reading = Read(job, ref worker, out var hasDied);
                if (hasDied)
                {
                    worker?.Dispose();
                    worker = null;
                }
                job.Done.TrySetResult(reading);
                if (!hasDied)
                {
                    pause = TimeSpan.Zero;
                    continue;
                }
                pause = pause == TimeSpan.Zero ? s_firstPause : TimeSpan.FromTicks(Math.Min(pause.Ticks * 2, s_longestPause.Ticks));
                if (_stopping.Token.WaitHandle.WaitOne(pause)) return;
            }
        }
        catch (OperationCanceledException)
        {
            // The gateway stops.
        }
        finally
        {
            worker?.Dispose();
        }
    }

    private PooledReading Read(Job job, ref SqlWorker? worker, out bool hasDied)
    {
        hasDied = false;
        try
        {
            if (worker is null)
            {
                worker = SqlWorker.Start(_options.Program, _options.Clock);
                Interlocked.Increment(ref _starts);
                // The first answer of a process waits for the process to be there.
                if (worker.Parse("select 1"u8, _options.StartLimit).Outcome != WorkerOutcome.Tree)
                {
                    hasDied = true;
                    return new PooledReading(new StatementReading.Undecidable("the gateway's SQL worker cannot be started"), IsLasting: false);
                }
            }
            var reply = worker.Parse(job.Text.Span, _options.Limit);
            switch (reply.Outcome)
            {
                case WorkerOutcome.Tree:
                    var reading = StatementTree.Read(reply.Tree, job.Text.Length, job.Catalogue);
                    worker.Shrink();
                    return new PooledReading(reading, IsLasting: true);
                case WorkerOutcome.Invalid:
                    return new PooledReading(new StatementReading.Invalid(reply.Message, reply.Position), IsLasting: true);
                case WorkerOutcome.TooSlow:
                    hasDied = true;
                    // A busy machine is slow with anything: the same text may be read another time.
                    return new PooledReading(new StatementReading.Undecidable("the statement takes too long to be read"), IsLasting: false);
                default:
                    hasDied = true;
                    return new PooledReading(new StatementReading.Undecidable("the statement is too deeply nested, or too long, to be read"), IsLasting: true);
            }
        }
        catch (IOException fault)
        {
            hasDied = true;
            return new PooledReading(new StatementReading.Undecidable(fault.Message), IsLasting: false);
        }
        catch (Exception fault) when (fault is not OutOfMemoryException)
        {
            // Whatever it is, it must not end the thread that others wait for, nor the process.
            hasDied = true;
            return new PooledReading(new StatementReading.Undecidable($"the statement cannot be read ({fault.GetType().Name})"), IsLasting: false);
        }
    }

    private sealed class Job(ReadOnlyMemory<byte> text, Catalogue catalogue)
    {
        public ReadOnlyMemory<byte> Text { get; } = text;

        public Catalogue Catalogue { get; } = catalogue;

        // Whoever waits goes on elsewhere: this thread has the next text to read.
        public TaskCompletionSource<PooledReading> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}

/// <summary>What a worker's answer came to.</summary>
/// <param name="Reading">What was found.</param>
/// <param name="IsLasting">True when the same text would be found the same again.</param>
internal sealed record PooledReading(StatementReading Reading, bool IsLasting);
