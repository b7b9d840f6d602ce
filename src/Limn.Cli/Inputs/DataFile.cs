using Limn.Data;
using Limn.Engine;

namespace Limn.Cli.Inputs;

/// <summary>What a file of data holds. What a file is, its first bytes decide; only tables are known by their name.</summary>
internal abstract record DataFile(string Path)
{
    private static readonly string[] TableExtensions = [".csv", ".tsv", ".txt"];

    /// <summary>Reads an array (.npy, or FILE.npz, or FILE.npz:NAME), a table (.csv) or a picture (PNG, JPEG).</summary>
    /// <exception cref="InvalidDataException">The file is missing, damaged or something else.</exception>
    /// <param name="text">The file.</param>
    /// <param name="texts">What becomes of files of text.</param>
    public static DataFile Read(string text, TextFiles texts = TextFiles.Numbers)
    {
        if (Directory.Exists(text)) throw new InvalidDataException($"'{text}' is a folder; give a file.");
        if (!File.Exists(text) && text.LastIndexOf(':') is > 0 and var colon && File.Exists(text[..colon]))
            return new ArrayFile(text, Arrays.From(NpzFile.Read(text[..colon], text[(colon + 1)..])));
        byte[] start = StartOf(text);
        if (start.AsSpan().StartsWith((ReadOnlySpan<byte>)[0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y']))
            return new ArrayFile(text, Arrays.From(NpyFile.Read(text)));
        if (ImageFile.IsImage(start)) return new PictureFile(text, ImageFile.Read(text));
        string extension = System.IO.Path.GetExtension(text).ToLowerInvariant();
        if (extension == ".npz") return new ArrayFile(text, Arrays.From(Single(text)));
        if (extension == ".npy") return new ArrayFile(text, Arrays.From(NpyFile.Read(text)));
        if (extension == ".txt" && texts == TextFiles.Prose) return new ProseFile(text, Prose(text));
        if (TableExtensions.Contains(extension)) return texts == TextFiles.Numbers ? new TableFile(text, CsvTable.Read(text)) : new CellFile(text, TextTable.Read(text));
        return new PictureFile(text, ImageFile.Read(text)); // which says what the file is instead
    }

    /// <summary>The pictures of a folder, by name.</summary>
    public static IReadOnlyList<string> PicturesIn(string folder)
    {
        string[] pictures = [.. Directory.EnumerateFiles(folder).Where(f => ImageFile.IsImage(StartOf(f))).Order(StringComparer.Ordinal)];
        return pictures.Length > 0 ? pictures : throw new InvalidDataException($"the folder '{folder}' holds no PNG or JPEG picture.");
    }

    private static NpyArray Single(string path)
    {
        IReadOnlyList<string> names = NpzFile.Names(path);
        return names.Count switch
        {
            0 => throw new InvalidDataException($"'{path}' holds no array."),
            1 => NpzFile.Read(path, names[0]),
            _ => throw new InvalidDataException($"'{path}' holds {names.Count} arrays ({string.Join(", ", names.Take(8))}{(names.Count > 8 ? ", ..." : "")}); say which: {path}:{names[0]}."),
        };
    }

    private static string Prose(string path)
    {
        try
        {
            return File.ReadAllText(path) is var text && !string.IsNullOrWhiteSpace(text) ? text.TrimEnd() : throw new InvalidDataException($"'{path}' holds no text.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InvalidDataException($"'{path}' cannot be read: {e.Message}", e);
        }
    }

    private static byte[] StartOf(string path)
    {
        try
        {
            using FileStream stream = File.OpenRead(path);
            var start = new byte[16];
            return start[..stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new InvalidDataException($"'{path}' does not exist; give the path of an .npy, .npz, .csv, .png or .jpg file.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new InvalidDataException($"'{path}' cannot be read: {e.Message}", e);
        }
    }
}

internal sealed record ArrayFile(string Path, NdArray Array) : DataFile(Path);

internal sealed record TableFile(string Path, CsvTable Table) : DataFile(Path);

/// <summary>A table of which the cells are read as they are.</summary>
internal sealed record CellFile(string Path, TextTable Table) : DataFile(Path);

/// <summary>One text.</summary>
internal sealed record ProseFile(string Path, string Text) : DataFile(Path);

/// <summary>What becomes of files of text.</summary>
internal enum TextFiles
{
    /// <summary>Tables of numbers.</summary>
    Numbers,

    /// <summary>Tables of cells, which may be text.</summary>
    Cells,

    /// <summary>The same, but a .txt file is one text.</summary>
    Prose,
}

internal sealed record PictureFile(string Path, Image Picture) : DataFile(Path);
