using System.Runtime.InteropServices;

namespace Postern.Protocols.Postgres.Sql;

/// <summary>One turn at a time for each caller: whoever has many texts to read, or one that ends workers, waits behind himself (attack D08).</summary>
internal sealed class CallerTurns
{
    private readonly Dictionary<string, Queue<TaskCompletionSource>> _waiting = new(StringComparer.Ordinal);

    /// <summary>Completes when it is this caller's turn; the turn lasts until it is disposed.</summary>
    /// <exception cref="OperationCanceledException">The caller gave up; its place is left out.</exception>
    public async ValueTask<Turn> TakeAsync(string caller, CancellationToken cancellationToken)
    {
        TaskCompletionSource? place = null;
        lock (_waiting)
        {
            if (_waiting.TryGetValue(caller, out var queue))
            {
                place = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                queue.Enqueue(place);
            }
            else
            {
                _waiting.Add(caller, new Queue<TaskCompletionSource>());
            }
        }
        if (place is null) return new Turn(this, caller);
        using (cancellationToken.UnsafeRegister(static (state, token) => ((TaskCompletionSource)state!).TrySetCanceled(token), place))
        {
            await place.Task.ConfigureAwait(false);
        }
        return new Turn(this, caller);
    }

    private void Pass(string caller)
    {
        lock (_waiting)
        {
            var queue = _waiting[caller];
            while (queue.TryDequeue(out var next))
            {
                if (next.TrySetResult()) return;
            }
            _waiting.Remove(caller);
        }
    }

    /// <summary>A turn; disposed of once.</summary>
    [StructLayout(LayoutKind.Auto)]
    public readonly struct Turn(CallerTurns turns, string caller) : IDisposable
    {
        /// <summary>It is the next one's turn.</summary>
        public void Dispose() => turns.Pass(caller);
    }
}
