using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Postern.Benchmarks.Journals;

/// <summary>
/// The least that group commit can be: what waits is copied into one buffer, one thread writes it with one <c>pwrite</c>, flushes it with one
/// <c>fdatasync</c> and wakes whoever waits for it. No numbers, no checksums, no chain, no signatures, no format, no faults, no closing in order.
/// </summary>
internal sealed class BareWriter : IDisposable
{
    private readonly SafeFileHandle _file;
    private readonly Thread _thread;
    private readonly object _gate = new();
    private byte[] _filling = new byte[1024 * 1024];
    private byte[] _writing = new byte[1024 * 1024];
    private int _length;
    private bool _isUrgent;
    private bool _isOver;
    private TaskCompletionSource _durable = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public BareWriter(string path)
    {
        _file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write);
        _thread = new Thread(Run) { IsBackground = true, Name = "bare" };
        _thread.Start();
    }

    /// <summary>Puts bytes in line; what is returned completes when they survive a power loss.</summary>
    public Task Write(ReadOnlySpan<byte> bytes, bool isAwaited = true)
    {
        lock (_gate)
        {
            if (_length + bytes.Length > _filling.Length) Array.Resize(ref _filling, 2 * _filling.Length);
            bytes.CopyTo(_filling.AsSpan(_length));
            _length += bytes.Length;
            if (isAwaited && !_isUrgent)
            {
                _isUrgent = true;
                Monitor.Pulse(_gate);
            }
            return isAwaited ? _durable.Task : Task.CompletedTask;
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _isOver = true;
            Monitor.Pulse(_gate);
        }
        _thread.Join();
        _file.Dispose();
    }

    private void Run()
    {
        long offset = 0;
        while (true)
        {
            int length;
            TaskCompletionSource durable;
            lock (_gate)
            {
                while (!_isUrgent && !_isOver) Monitor.Wait(_gate);
                if (!_isUrgent) return;
                (_filling, _writing) = (_writing, _filling);
                (length, _length) = (_length, 0);
                _isUrgent = false;
                durable = _durable;
                _durable = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            }
            RandomAccess.Write(_file, _writing.AsSpan(0, length), offset);
            offset += length;
            if (NativeSync((int)_file.DangerousGetHandle()) != 0) throw new IOException($"fdatasync failed with {Marshal.GetLastPInvokeError()}");
            durable.SetResult();
        }
    }

#pragma warning disable SYSLIB1054, CA5392 // source-generated marshalling needs unsafe blocks; this takes a number only
    [DllImport("libc", EntryPoint = "fdatasync", SetLastError = true)]
    private static extern int NativeSync(int descriptor);
#pragma warning restore SYSLIB1054, CA5392
}
