namespace Postern.Gateway;

/// <summary>What was built, in order, so that it can be taken down in reverse: at the stop, or when the start breaks off halfway.</summary>
internal sealed class Teardown : IAsyncDisposable
{
    private readonly Stack<Func<ValueTask>> _steps = new();

    /// <summary>Takes something to dispose, and gives it back.</summary>
    public T Own<T>(T part)
        where T : class
    {
        switch (part)
        {
            case IAsyncDisposable late:
                _steps.Push(late.DisposeAsync);
                break;
            case IDisposable now:
                _steps.Push(() =>
                {
                    now.Dispose();
                    return ValueTask.CompletedTask;
                });
                break;
        }
        return part;
    }

    /// <summary>Takes a step that is more than disposal.</summary>
    public void Add(Func<ValueTask> step) => _steps.Push(step);

    public async ValueTask DisposeAsync()
    {
        while (_steps.TryPop(out var step)) await step().ConfigureAwait(false);
    }
}
