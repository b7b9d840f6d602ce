using Limn.Engine;

namespace Limn.Trees;

/// <summary>Opens the files of tree models: one error that names the file, whatever is wrong with it.</summary>
internal static class ModelBytes
{
    /// <summary>The largest file that is read without being asked to: 1 GiB.</summary>
    public const long DefaultLargest = 1L << 30;

    /// <exception cref="InvalidModelException">The file is missing or larger than allowed, or <paramref name="parse"/> refuses it.</exception>
    public static T Read<T>(string path, long largest, Func<byte[], T> parse)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            long length = new FileInfo(path).Length, allowed = Math.Min(largest, Array.MaxLength);
            if (length > allowed) throw new InvalidModelException($"It has {length} bytes, more than the {allowed} that are allowed.");
            return parse(File.ReadAllBytes(path));
        }
        catch (InvalidModelException e)
        {
            throw new InvalidModelException($"'{path}': {e.Message}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new InvalidModelException($"'{path}' cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Writes a file aside and then renames it, so that a failure leaves an existing file as it was.</summary>
    /// <exception cref="LimnException">The file cannot be written.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        string aside = $"{path}.{Guid.NewGuid():N}.tmp";
        try
        {
            using (FileStream file = File.Create(aside)) write(file);
            File.Move(aside, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new LimnException($"The model cannot be written to '{path}': {e.Message}", e);
        }
        finally
        {
            if (File.Exists(aside)) File.Delete(aside);
        }
    }
}
