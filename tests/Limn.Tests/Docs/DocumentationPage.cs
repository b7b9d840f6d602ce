namespace Limn.Tests.Docs;

/// <summary>Where the code of a page runs: in the repository's folder, without printing.</summary>
public abstract class DocumentationPage : IDisposable
{
    private readonly string previous = Environment.CurrentDirectory;
    private readonly TextWriter output = Console.Out;

    protected DocumentationPage()
    {
        Environment.CurrentDirectory = SharedFiles.Root;
        Console.SetOut(TextWriter.Null);
    }

    public void Dispose()
    {
        Environment.CurrentDirectory = previous;
        Console.SetOut(output);
        GC.SuppressFinalize(this);
    }
}
