namespace Limn.Data;

/// <summary>
/// Files appear whole or not at all: the bytes are written to a temporary file in the same folder, flushed to the disk,
/// and renamed over the target. Whoever reads the target meanwhile sees the old file or the new one, never a part.
/// </summary>
public static class AtomicFile
{
    /// <summary>Writes a file through <paramref name="write"/>. When that fails, the target is as it was before.</summary>
    /// <param name="path">The file to create or replace. Its folder must exist.</param>
    /// <param name="write">Writes the content to the stream it is given.</param>
    /// <exception cref="LimnException">The file cannot be written there. What <paramref name="write"/> throws is passed on.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(write);
        string target = Path.GetFullPath(path);
        string aside = Path.Combine(Path.GetDirectoryName(target) ?? target, $".{Path.GetFileName(target)}.{Guid.NewGuid():N}.tmp");
        try
        {
            using (var stream = new FileStream(aside, FileMode.CreateNew, FileAccess.Write, FileShare.None))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }
            File.Move(aside, target, overwrite: true);
        }
        catch (Exception e)
        {
            // Nothing is there when the temporary file could not be created; Delete minds only a missing folder.
            if (File.Exists(aside)) File.Delete(aside);
            if (e is IOException or UnauthorizedAccessException)
                throw new LimnException($"'{path}' cannot be written: {e.Message} Choose a folder that exists and may be written to.", e);
            throw;
        }
    }
}
