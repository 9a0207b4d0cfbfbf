namespace Postern.Core.Recording;

/// <summary>Where segment files are kept. Local disk in the product; tests put faults here.</summary>
public interface IJournalStorage : IDisposable
{
    /// <summary>How the place is called in errors.</summary>
    string Name { get; }

    /// <summary>The names of the files that are there.</summary>
    IReadOnlyList<string> List();

    /// <summary>Opens an existing file for reading and writing.</summary>
    IJournalFile Open(string name);

    /// <summary>Creates a file that must not exist.</summary>
    IJournalFile Create(string name);

    /// <summary>Removes a file.</summary>
    void Delete(string name);

    /// <summary>Returns when creations and removals survive a power loss.</summary>
    void FlushNames();
}

/// <summary>One segment file.</summary>
public interface IJournalFile : IDisposable
{
    /// <summary>Bytes in the file.</summary>
    long Length { get; }

    /// <summary>Reads up to <paramref name="destination"/>'s length; 0 at the end.</summary>
    int Read(Span<byte> destination, long offset);

    /// <summary>Reads until <paramref name="destination"/> is full or the file ends; how many bytes were there.</summary>
    int ReadFully(Span<byte> destination, long offset)
    {
        var done = 0;
        while (done < destination.Length && Read(destination[done..], offset + done) is > 0 and var read) done += read;
        return done;
    }

    /// <summary>Writes all of it, or throws; part of it may then be in the file.</summary>
    void Write(ReadOnlySpan<byte> bytes, long offset);

    /// <summary>Cuts the file.</summary>
    void SetLength(long length);

    /// <summary>Returns when everything written so far survives a power loss.</summary>
    void Flush();
}
