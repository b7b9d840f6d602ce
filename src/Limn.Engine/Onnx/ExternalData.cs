using Limn.Engine.Onnx.Schema;
using Microsoft.Win32.SafeHandles;

namespace Limn.Engine.Onnx;

/// <summary>Reads weights that lie in files beside the model, and nothing outside the model's folder.</summary>
/// <param name="folder">The folder that the files must lie in; null if there is none.</param>
/// <param name="budget">The most bytes that may be read in all.</param>
internal sealed class ExternalData(string? folder, long budget) : IDisposable
{
    private readonly Dictionary<string, SafeFileHandle> open = [];
    private long taken;

    /// <summary>Where the bytes of a tensor are, checked against the file.</summary>
    /// <param name="tensor">A tensor whose location is external.</param>
    /// <param name="expected">How many bytes its shape and type need.</param>
    /// <exception cref="InvalidModelException">The entry is malformed, leaves the folder, or does not fit into the file.</exception>
    public (SafeFileHandle File, long Offset) Find(TensorProto tensor, long expected)
    {
        string? location = null;
        long offset = 0, length = expected;
        foreach (StringStringEntryProto entry in tensor.ExternalData)
        {
            switch (entry.Key)
            {
                case "location": location = entry.Value; break;
                case "offset": offset = Number(tensor, entry); break;
                case "length": length = Number(tensor, entry); break;
                case "checksum": break; // SHA-1, optional; nothing that runs depends on it
                default: throw new InvalidModelException($"the external data of '{tensor.Name}' have an unknown entry '{entry.Key}'.");
            }
        }
        if (string.IsNullOrEmpty(location))
            throw new InvalidModelException($"the external data of '{tensor.Name}' name no file.");
        if (length != expected)
            throw new InvalidModelException($"the external data of '{tensor.Name}' are {length} bytes long, and its shape and type need {expected}.");
        if ((taken += expected) > budget)
            throw new InvalidModelException($"the model asks for more than {budget} bytes of external data. Raise {nameof(OnnxReadOptions.MaxExternalBytes)} if the file is to be trusted.");
        SafeFileHandle file = Open(tensor.Name, location);
        long size = RandomAccess.GetLength(file);
        if (offset > size || expected > size - offset)
            throw new InvalidModelException($"the external data of '{tensor.Name}' are {expected} bytes from {offset} on of '{location}', which has {size} bytes.");
        return (file, offset);
    }

    public void Dispose()
    {
        foreach (SafeFileHandle file in open.Values) file.Dispose();
    }

    private SafeFileHandle Open(string tensor, string location)
    {
        if (folder is null)
            throw new InvalidModelException($"the weights of '{tensor}' lie in the file '{location}', and a model that is not read from a path has no folder. "
                + $"Read it from its path, or set {nameof(OnnxReadOptions.ExternalDataFolder)}.");
        if (open.TryGetValue(location, out SafeFileHandle? file)) return file;
        if (Path.IsPathRooted(location) || location.Contains('\0') || location.Split('/', '\\').Contains(".."))
            throw Outside(tensor, location);
        try
        {
            string root = RealPath(Path.GetFullPath(folder));
            string path = RealPath(Path.GetFullPath(Path.Combine(root, location)));
            if (!path.StartsWith(Path.EndsInDirectorySeparator(root) ? root : root + Path.DirectorySeparatorChar, StringComparison.Ordinal))
                throw Outside(tensor, location);
            return open[location] = File.OpenHandle(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new InvalidModelException($"the file '{location}' with the weights of '{tensor}' cannot be read: {e.Message}", e);
        }
    }

    private static InvalidModelException Outside(string tensor, string location) =>
        new($"the weights of '{tensor}' are said to lie in '{location}', which is outside the model's folder; only files inside it are read.");

    /// <summary>A full path with every symbolic link on the way replaced by what it points to.</summary>
    private static string RealPath(string path)
    {
        const int MostLinks = 40; // as Linux
        int links = 0;
        string real = Path.GetPathRoot(path)!;
        var parts = new Stack<string>(path[real.Length..].Split(Path.DirectorySeparatorChar, StringSplitOptions.RemoveEmptyEntries).Reverse());
        while (parts.TryPop(out string? part))
        {
            string next = Path.Combine(real, part);
            if (new FileInfo(next).LinkTarget is not { } target)
            {
                real = next;
                continue;
            }
            if (++links > MostLinks) throw new IOException($"'{path}' goes through too many symbolic links.");
            string full = Path.GetFullPath(Path.Combine(real, target));
            real = Path.GetPathRoot(full)!;
            foreach (string piece in full[real.Length..].Split(Path.DirectorySeparatorChar, StringSplitOptions.RemoveEmptyEntries).Reverse()) parts.Push(piece);
        }
        return real;
    }

    private static long Number(TensorProto tensor, StringStringEntryProto entry) => long.TryParse(entry.Value, out long value) && value >= 0
        ? value
        : throw new InvalidModelException($"the {entry.Key} of the external data of '{tensor.Name}' is '{entry.Value}'; a number that is not negative is expected.");
}
