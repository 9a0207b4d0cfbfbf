using Postern.Core.Recording;

namespace Postern.Tests.Recording;

/// <summary>A real folder on a real disk that fails to write or flush when a test says so.</summary>
internal sealed class FaultyFolder(string folder) : IJournalStorage
{
    private readonly FolderStorage _inner = FolderStorage.ForWriting(folder);

    public volatile bool IsFull;

    public string Name => _inner.Name;

    public IReadOnlyList<string> List() => _inner.List();

    public IJournalFile Open(string name) => new FaultyFile(this, _inner.Open(name));

    public IJournalFile Create(string name) => new FaultyFile(this, _inner.Create(name));

    public void Delete(string name) => _inner.Delete(name);

    public void FlushNames() => _inner.FlushNames();

    public void Dispose() => _inner.Dispose();

    private sealed class FaultyFile(FaultyFolder home, IJournalFile inner) : IJournalFile
    {
        public long Length => inner.Length;

        public int Read(Span<byte> destination, long offset) => inner.Read(destination, offset);

        public void Write(ReadOnlySpan<byte> bytes, long offset)
        {
            inner.Write(home.IsFull ? bytes[..(bytes.Length / 2)] : bytes, offset);
            if (home.IsFull) throw new IOException("no space left on device");
        }

        public void SetLength(long length) => inner.SetLength(length);

        public void Flush()
        {
            if (home.IsFull) throw new IOException("no space left on device");
            inner.Flush();
        }

        public void Dispose() => inner.Dispose();
    }
}
