using System.Globalization;

namespace Limn.Cli.Outputs;

/// <summary>
/// The files of one result, which appear whole or not at all: they are written to a folder aside and renamed into place. In a folder
/// that exists only files of the same names are replaced; when that fails halfway, what was there before is put back.
/// </summary>
internal sealed class OutputFolder
{
    private readonly string folder;
    private readonly SortedDictionary<string, byte[]> files = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> taken = new(StringComparer.Ordinal);

    /// <param name="folder">Where the files are to appear.</param>
    /// <exception cref="LimnException">Something that is no folder is in the way. Better said before long work than after it.</exception>
    public OutputFolder(string folder)
    {
        this.folder = System.IO.Path.GetFullPath(folder.Length > 0 ? folder : throw new CommandException("--output needs the name of a folder."));
        for (string? path = this.folder; path is not null; path = System.IO.Path.GetDirectoryName(path))
        {
            if (File.Exists(path)) throw new LimnException($"'{folder}' cannot be written: '{path}' is a file. Choose another folder for --output.");
            if (Directory.Exists(path)) break;
        }
    }

    public IEnumerable<string> Names => files.Keys;

    /// <summary>The names in a line: of charts that are numbered, one for each row, the first and how many more there are.</summary>
    public string Listed => string.Join(", ", Names.GroupBy(n => n.Split('.') is [var name, var number, .. var rest] && int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out _) ? $"{name}.{string.Join('.', rest)}" : n)
        .Select(same => same.Count() == 1 ? same.First() : $"{same.Key} and {same.Count() - 1} more"));

    /// <summary>The folder's full path.</summary>
    public string Path => folder;

    /// <param name="name">The file's name, or its path below the folder with slashes between.</param>
    /// <param name="content">Its bytes.</param>
    public void Add(string name, byte[] content) => files.Add(name, content);

    /// <summary>A file that lies elsewhere on the same disk, and is moved.</summary>
    /// <param name="name">As for <see cref="Add"/>.</param>
    /// <param name="path">Where it lies.</param>
    public void Take(string name, string path)
    {
        files.Add(name, []);
        taken.Add(name, path);
    }

    /// <summary>A name that every file system takes: letters, digits, '-', '_' and '.'; anything else becomes '_'.</summary>
    /// <param name="name">The name of an input, layer or output.</param>
    /// <param name="taken">Names already in use, ignoring case; the name is numbered until it is new.</param>
    public static string SafeName(string name, ISet<string> taken)
    {
        string safe = string.Concat(name.Select(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' ? c : '_')).Trim('.');
        if (safe.Length == 0) safe = "_";
        if (safe.Length > 100) safe = safe[..100];
        string unique = safe;
        for (int i = 2; !taken.Add(unique.ToLowerInvariant()); i++) unique = $"{safe}-{i}";
        return unique;
    }

    /// <summary>Makes all files appear.</summary>
    /// <exception cref="LimnException">They cannot be written; the folder is as it was before.</exception>
    public void Write()
    {
        string? aside = null;
        try
        {
            bool exists = Directory.Exists(folder);
            string parent = exists ? folder : System.IO.Path.GetDirectoryName(folder)!;
            Directory.CreateDirectory(parent);
            aside = Directory.CreateDirectory(System.IO.Path.Combine(parent, $".limn-{Guid.NewGuid():N}")).FullName;
            foreach (var (name, content) in files)
            {
                string file = System.IO.Path.Combine(aside, name);
                Directory.CreateDirectory(System.IO.Path.GetDirectoryName(file)!);
                if (taken.TryGetValue(name, out string? from)) File.Move(from, file);
                else File.WriteAllBytes(file, content);
            }
            if (!exists)
            {
                Directory.Move(aside, folder);
                return;
            }
            Replace(aside);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new LimnException($"'{folder}' cannot be written: {e.Message} Choose a folder that may be written to.", e);
        }
        finally
        {
            if (aside is not null && Directory.Exists(aside)) Directory.Delete(aside, recursive: true);
        }
    }

    private void Replace(string aside)
    {
        string old = Directory.CreateDirectory(System.IO.Path.Combine(aside, ".old")).FullName;
        List<(string From, string To)> moved = [];
        List<string> made = [];
        try
        {
            foreach (string name in files.Keys)
            {
                string target = System.IO.Path.Combine(folder, name), parent = System.IO.Path.GetDirectoryName(target)!;
                if (!Directory.Exists(parent)) made.Add(Directory.CreateDirectory(parent).FullName);
                if (File.Exists(target)) Move(target, System.IO.Path.Combine(old, name));
                Move(System.IO.Path.Combine(aside, name), target);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            for (int i = moved.Count - 1; i >= 0; i--) File.Move(moved[i].To, moved[i].From);
            foreach (string empty in made) Directory.Delete(empty);
            throw;
        }

        void Move(string from, string to)
        {
            Directory.CreateDirectory(System.IO.Path.GetDirectoryName(to)!);
            File.Move(from, to);
            moved.Add((from, to));
        }
    }
}
