using System.Diagnostics.CodeAnalysis;

namespace Limn.Data;

/// <summary>Opens files of data, and turns what can go wrong while reading them into <see cref="InvalidDataException"/>.</summary>
internal static class DataFile
{
    /// <summary>
    /// Reads a file with <paramref name="read"/>, which gets the stream and the file's length. Every message begins with the path.
    /// </summary>
    public static T Read<T>(string path, Func<Stream, long, T> read)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1 << 16);
            return read(stream, stream.Length);
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException($"'{path}': {e.Message}", e);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new InvalidDataException($"'{path}' does not exist: give the path of a file.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new InvalidDataException($"'{path}' cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Opens a file to be read from its beginning to its end.</summary>
    public static FileStream Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1 << 16, FileOptions.SequentialScan);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new InvalidDataException($"'{path}' does not exist: give the path of a file.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new InvalidDataException($"'{path}' cannot be read: {e.Message}", e);
        }
    }

    /// <summary>The whole file as bytes.</summary>
    public static byte[] ReadAll(Stream stream, long length)
    {
        if (length > Array.MaxLength) Throw($"the file has {length} bytes, more than the {Array.MaxLength} that can be read.");
        byte[] bytes = new byte[length];
        stream.ReadExactly(bytes);
        return bytes;
    }

    [DoesNotReturn]
    public static void Throw(string message, Exception? inner = null) => throw new InvalidDataException(message, inner);
}
