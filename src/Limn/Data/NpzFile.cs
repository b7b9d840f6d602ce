using System.IO.Compression;

namespace Limn.Data;

/// <summary>Archives of named arrays in NumPy's <c>.npz</c> format: a ZIP file of <c>.npy</c> files, stored or deflated.</summary>
/// <remarks>
/// An archive may claim sizes that are out of all proportion to its own. So the sum of the sizes that are read is limited, a size
/// that the compressed bytes cannot make (deflate reaches 1032 to 1) is refused before memory is taken, and checksums are compared.
/// </remarks>
public static class NpzFile
{
    /// <summary>The limit on the uncompressed size of what one call reads, when none is given: 2 GiB.</summary>
    public const long DefaultMaximumBytes = 1L << 31;

    private const string Extension = ".npy";

    /// <summary>The names of the arrays, in the archive's order, without the extension <c>.npy</c>.</summary>
    /// <exception cref="InvalidDataException">The file is missing or not a ZIP archive.</exception>
    public static IReadOnlyList<string> Names(string path) => Open(path, zip => Entries(zip).ConvertAll(e => Name(e)));

    /// <summary>Reads all arrays.</summary>
    /// <param name="path">The archive.</param>
    /// <param name="maximumBytes">The limit on the sum of the uncompressed sizes.</param>
    /// <exception cref="InvalidDataException">The archive is missing, malformed or too large, or one of its arrays is.</exception>
    public static IReadOnlyDictionary<string, NpyArray> Read(string path, long maximumBytes = DefaultMaximumBytes) =>
        Open(path, zip => ReadEntries(Entries(zip), maximumBytes));

    /// <summary>Reads one array.</summary>
    /// <param name="path">The archive.</param>
    /// <param name="name">The array's name, with or without <c>.npy</c>.</param>
    /// <param name="maximumBytes">The limit on its uncompressed size.</param>
    /// <exception cref="InvalidDataException">The archive is missing, malformed or too large, or has no such array.</exception>
    public static NpyArray Read(string path, string name, long maximumBytes = DefaultMaximumBytes)
    {
        ArgumentNullException.ThrowIfNull(name);
        return Open(path, zip =>
        {
            List<ZipArchiveEntry> entries = Entries(zip);
            ZipArchiveEntry? entry = entries.Find(e => Name(e) == name || e.FullName == name);
            return entry is null
                ? throw new InvalidDataException($"the archive has no array '{name}'; it has {string.Join(", ", entries.Select(Name))}.")
                : ReadEntries([entry], maximumBytes)[Name(entry)];
        });
    }

    private static T Open<T>(string path, Func<ZipArchive, T> read) => DataFile.Read(path, (stream, _) =>
    {
        try
        {
            using var zip = new ZipArchive(stream, ZipArchiveMode.Read);
            return read(zip);
        }
        catch (Exception e) when (e is System.IO.InvalidDataException or EndOfStreamException or ArgumentException or OverflowException)
        {
            throw new InvalidDataException($"the .npz archive is not a valid ZIP file: {e.Message}", e);
        }
    });

    private static List<ZipArchiveEntry> Entries(ZipArchive zip)
    {
        List<ZipArchiveEntry> entries = [.. zip.Entries];
        if (entries.Find(e => !e.FullName.EndsWith(Extension, StringComparison.Ordinal)) is { } other)
            DataFile.Throw($"the archive's entry '{other.FullName}' is not an .npy file; save the arrays with numpy.savez.");
        return entries;
    }

    private static string Name(ZipArchiveEntry entry) => entry.FullName[..^Extension.Length];

    private static Dictionary<string, NpyArray> ReadEntries(List<ZipArchiveEntry> entries, long maximumBytes)
    {
        long total = 0;
        Dictionary<string, NpyArray> arrays = new(entries.Count);
        foreach (ZipArchiveEntry entry in entries)
        {
            string name = Name(entry);
            total += entry.Length;
            if (entry.Length < 0 || total < 0 || total > maximumBytes)
                DataFile.Throw($"up to array '{name}' the archive unpacks to more than {maximumBytes} bytes; raise the limit if you trust it.");
            if (entry.Length > Deflate.MostFrom(entry.CompressedLength))
                DataFile.Throw($"array '{name}' claims {entry.Length} bytes, which its {entry.CompressedLength} compressed bytes cannot hold.");
            if (entry.IsEncrypted) DataFile.Throw($"array '{name}' is encrypted; save the archive without a password.");
            if (arrays.ContainsKey(name)) DataFile.Throw($"the archive has two arrays '{name}'.");
            try
            {
                using var checkedStream = new CheckedStream(entry.Open());
                arrays.Add(name, NpyFile.Read(checkedStream, entry.Length));
                if (checkedStream.Crc != entry.Crc32) DataFile.Throw("its checksum is wrong: the file is corrupt.");
            }
            catch (InvalidDataException e)
            {
                throw new InvalidDataException($"array '{name}': {e.Message}", e);
            }
        }
        return arrays;
    }

    /// <summary>Sums up what is read through it.</summary>
    private sealed class CheckedStream(Stream inner) : ReadOnlyStream
    {
        public uint Crc { get; private set; }

        public override int Read(Span<byte> buffer)
        {
            int count = inner.Read(buffer);
            Crc = Crc32.Of(buffer[..count], Crc);
            return count;
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing) inner.Dispose();
            base.Dispose(disposing);
        }
    }
}
