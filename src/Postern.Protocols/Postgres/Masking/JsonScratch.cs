using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Postern.Protocols.Postgres.Masking;

/// <summary>Writers that a thread uses again and again for the small documents that each unit needs; what is written is copied out.</summary>
#pragma warning disable CA1001 // One per thread, for as long as the thread lives: nobody is there to dispose of it.
internal sealed class JsonScratch
#pragma warning restore CA1001
{
    // What was large once is not kept for ever.
    private const int MostKept = 64 * 1024;

    [ThreadStatic]
    private static JsonScratch? t_spare;

    private readonly ArrayBufferWriter<byte> _output = new(1_024);
    private readonly Utf8JsonWriter _strict;
    private readonly Utf8JsonWriter _relaxed;

    private JsonScratch()
    {
        _strict = new Utf8JsonWriter(_output);
        _relaxed = new Utf8JsonWriter(_output, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true });
    }

    /// <summary>Escapes as strictly as JSON's own writer does.</summary>
    public Utf8JsonWriter Strict => _strict;

    /// <summary>Escapes only what must be, so that people read it as it was written.</summary>
    public Utf8JsonWriter Relaxed => _relaxed;

    /// <summary>After a flush of the one writer that was used.</summary>
    public ReadOnlySpan<byte> Written => _output.WrittenSpan;

    /// <summary>This thread's; nobody else has it until it is returned.</summary>
    public static JsonScratch Take()
    {
        var scratch = t_spare ?? new JsonScratch();
        t_spare = null;
        return scratch;
    }

    /// <summary>Empty again, also after a fault in the middle.</summary>
    public void Return()
    {
        if (_output.Capacity > MostKept) return;
        _strict.Reset();
        _relaxed.Reset();
        // What was bound is not left lying in memory.
        _output.Clear();
        t_spare = this;
    }
}
