using Limn.ClassActivation;
using Limn.Data;
using Limn.Engine;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Onnx;
using Limn.Models;

namespace Limn.Tests.Docs;

/// <summary>The code of docs/compile.md.</summary>
[Collection("console")]
public sealed class CompilePage : DocumentationPage
{
    [Fact]
    public void The_code_of_the_page_runs()
    {
        NdArray table = NdArray.From(CsvTable.Read("samples/digits/test.csv").Values).Rows(0, 2);
        NdArray pictures = table.Columns(1, 64).Reshape(2, 1, 8, 8);
        string where = Path.Combine(Directory.CreateTempSubdirectory("limn-docs-").FullName, "grad-cam.onnx");

        OnnxModel network = OnnxModel.Load("samples/digits/model.onnx");
        Graph graph = new GradCam(network).Compile(Target.Predicted);
        OnnxWriter.Write(graph, where);

        NdArray[] outputs = new Session(OnnxReader.Read(where).Graph).Run(pictures);
        Console.WriteLine(outputs[0].Floats[0]);         // prediction of the first picture
        Console.WriteLine(outputs[1]);                   // Float[2,1,2,2]: where the network looked

        Assert.Equal([2, 1, 2, 2], outputs[1].Dims.ToArray());
        Directory.Delete(Path.GetDirectoryName(where)!, recursive: true);
    }
}
