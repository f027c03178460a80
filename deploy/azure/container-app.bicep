// apim-edge on Azure Container Apps, behind their default ingress. docs/azure-hosting.md
// says where each figure comes from.

@description('Name of the container app.')
param name string = 'apim-edge'

@description('Where it runs.')
param location string = resourceGroup().location

@description('Resource id of the Container Apps environment.')
param environmentId string

@description('The image with its tag, as in registry.example.com/apim-edge:development.')
param image string

@description('Host of a registry that the app signs in to with its own identity, which needs the role AcrPull. Empty: none.')
param registry string = ''

@description('URL of the API in API Management, as in https://contoso.azure-api.net.')
param upstreamUrl string

@description('Fewest replicas. One alone is gone while it is replaced.')
@minValue(1)
param minReplicas int = 2

@description('Most replicas.')
param maxReplicas int = 10

@description('Open requests per replica, streams included, beyond which replicas are added. The default is an example.')
param requestsPerReplica int = 500

resource app 'Microsoft.App/containerApps@2024-03-01' = {
  name: name
  location: location
  identity: { type: 'SystemAssigned' }
  properties: {
    environmentId: environmentId
    configuration: {
      activeRevisionsMode: 'Single'
      registries: empty(registry) ? [] : [
        { server: registry, identity: 'system' }
      ]
      ingress: {
        external: true
        allowInsecure: false
        transport: 'http'
        targetPort: 8080
      }
    }
    template: {
      // Longer than drain_delay and drain together.
      terminationGracePeriodSeconds: 140
      containers: [
        {
          name: 'apim-edge'
          image: image
          args: [ 'serve' ]
          env: [
            { name: 'APIM_EDGE__UPSTREAMS__LEGACY__URL', value: upstreamUrl }
            { name: 'APIM_EDGE__LISTEN__HEALTH_PATH', value: '/healthz' }
            // The ingress cuts what is silent for 240 s: a stream says something before
            // that, and an answer that is late becomes a 504 of the edge that says why.
            { name: 'APIM_EDGE__ROUTES__OPENAI__HEARTBEAT', value: '60s' }
            { name: 'APIM_EDGE__TIMEOUTS__RESPONSE_HEAD', value: '220s' }
            { name: 'APIM_EDGE__TIMEOUTS__DRAIN', value: '120s' }
            { name: 'APIM_EDGE__TIMEOUTS__DRAIN_DELAY', value: '10s' }
            { name: 'APIM_EDGE__LOG__FORMAT', value: 'json' }
          ]
          resources: { cpu: json('0.5'), memory: '1Gi' }
          // Both ask the port of the traffic: the admin listener stays on loopback.
          probes: [
            {
              type: 'Readiness'
              httpGet: { path: '/healthz', port: 8080 }
              periodSeconds: 5
              timeoutSeconds: 3
            }
            {
              // The port is closed while the edge drains: that is no reason to kill it.
              type: 'Liveness'
              tcpSocket: { port: 8080 }
              periodSeconds: 30
              failureThreshold: 5
            }
          ]
        }
      ]
      scale: {
        minReplicas: minReplicas
        maxReplicas: maxReplicas
        rules: [
          {
            name: 'requests'
            http: { metadata: { concurrentRequests: string(requestsPerReplica) } }
          }
        ]
      }
    }
  }
}

@description('What clients put in place of the URL of API Management.')
output url string = 'https://${app.properties.configuration.ingress.fqdn}'
